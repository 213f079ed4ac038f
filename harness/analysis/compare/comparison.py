"""Two states compared: every class of requests is decided in both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

from harness.analysis.compare import callers, examples
from harness.analysis.compare.answer import answers, unlike, worded
from harness.analysis.compare.relevant import at_gateways, is_gateway, relevant
from harness.base.errors import NotModelledError
from harness.base.resources import per_object
from harness.base.vocabulary import PLATFORM, Workload
from harness.model.decide import decide
from harness.model.network.services import names, service_ports
from harness.traffic.request import HOST, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from harness.analysis.compare.callers import Caller
    from harness.analysis.compare.examples import Example
    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.network.services import ServicePort
    from harness.model.state import Pod
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.trace import Step

LIMIT = 2_000
"""Classes of requests to one port by one class of callers; what is more is cut, and told."""

OTHER_HOSTS = (
    "Host headers that don't name the Service that is dialled: Istio's sidecars go by the header, Linkerd's "
    "proxies by the Service"
)
"""What is left out wherever a configuration asks for the Host header."""

RETRIES = "what is sent again: applications answer 200 here, so no retry shows"
"""What is left out wherever a configuration speaks of retries."""

_PLAIN, _SLOW = "any/application:1", "any/slow:1"
"""Images of applications that answer 200 to whatever reaches them: at once, and after an hour."""

_SCHEMES = {"grpc": ("grpc",), "http2": ("grpc", "http"), "tls": ("https",), "tcp": ("tcp",)}
"""What clients of a port may speak, by what it says; HTTP, if it says nothing."""

Sides = tuple["State", "State"]
"""Both states, with applications that answer all alike."""


@dataclass(frozen=True)
class Difference:
    """Classes of requests to one port of a Service that two configurations answer differently, in one way.

    `request` and `caller` are an example; `parts` what of the answer differs (`status`, `backend`, `mutual`,
    `seconds`…); `classes` counts the classes, `sources` names their callers.
    """

    service: Resource
    port: int
    scheme: str
    request: Request
    caller: Caller
    parts: tuple[str, ...]
    before: Outcomes
    after: Outcomes
    classes: int
    sources: tuple[str, ...]

    @property
    def target(self) -> str:
        """What is called, in words."""
        return f"{self.service}:{self.port}" + ("" if self.scheme == "http" else f" ({self.scheme})")

    def __str__(self) -> str:
        more = self.classes - 1
        callers = [source for source in self.sources if source != str(self.caller.workload)]
        headers = "".join(f" -H '{name}: {value}'" for name, value in self.request.headers)
        alike = f", and {more} {'class' if more == 1 else 'classes'} like it" if more else ""
        others = f", as {', '.join(callers)}" if callers else ""
        return (
            f"{self.target}: {', '.join(self.parts)}\n"
            f"  example: {self.request}{headers}{alike}\n"
            f"  caller:  {self.caller}{others}\n"
            f"  before:  {worded(answers(self.before))}\n"
            f"  after:   {worded(answers(self.after))}"
        )


@dataclass(frozen=True)
class Comparison:
    """What came of comparing: the differences, how many classes were decided, and what was left out."""

    differences: tuple[Difference, ...]
    classes: int
    left_out: tuple[str, ...]


def deciding(outcomes: Outcomes) -> tuple[Step, ...]:
    """Returns what led to an answer: the links of its traces that name an object and were taken."""
    links = (link for group in outcomes.groups for link in group.trace)
    return tuple(dict.fromkeys(link for link in links if link.resource and not link.passed_over))


def compare(before: State, after: State, *, limit: int = LIMIT) -> Comparison:
    """Returns where two configurations differ, over every class of requests that they can tell apart.

    Called are all ports of the Services that both have, by a caller of each class: the estate's workloads,
    and two that neither knows, one in the mesh and one outside. Applications are alike on both sides.
    """
    states = callers.with_strangers(before), callers.with_strangers(after)
    plain, slow = ((_alike(states[0], image), _alike(states[1], image)) for image in (_PLAIN, _SLOW))
    everybody, alone = callers.in_both(*plain)
    left_out = [
        f"{workload} calls on one side only" for workload in alone if workload.namespace not in PLATFORM
    ]
    differences: list[Difference] = []
    classes = 0
    for service in before.all("", "Service"):
        if is_gateway(before, service):
            if not at_gateways(before) and not at_gateways(after):
                continue  # nothing is served there
        elif service.namespace in PLATFORM:
            continue
        if after.get(*service.key) is None:
            left_out.append(f"{service} isn't there after")
            continue
        try:
            target = _Target(plain, slow, service, limit)
            target.decide(everybody)
        except NotModelledError as error:
            left_out.append(f"requests to {service}: {error.what} ({error.why})")
            continue
        differences += target.differences.values()
        classes += target.classes
        left_out += target.left_out
    return Comparison(tuple(differences), classes, tuple(dict.fromkeys(left_out)))


class _Target:
    """A Service as both configurations know it, and what came of comparing: differences, classes, cuts."""

    def __init__(self, plain: Sides, slow: Sides, service: Resource, limit: int) -> None:
        before, after = plain
        own = service, after.get(*service.key) or service
        self.service, self.limit = service, limit
        self.gateway = is_gateway(before, service)
        self.relevant = relevant(before, own[0]), relevant(after, own[1])
        self.objects = [*own, *self.relevant[0].objects, *self.relevant[1].objects]
        # Only a slow answer shows a time limit, and only where something speaks of one to a proxy.
        timed = any(_speaks_of(resource, "timeout") for resource in self.objects)
        self.speeds = (plain, slow) if timed else (plain,)
        self.differences: dict[object, Difference] = {}
        self.classes = 0
        self.cut: dict[str, None] = {}

    def decide(self, everybody: Iterable[Caller]) -> None:
        """Decides every class of requests."""
        sources = callers.classes(everybody, *self.relevant)
        if self.gateway:  # it is there for those who are in no mesh
            sources = [caller for caller in sources if not caller.meshed]
        for port in service_ports(self.service):
            for scheme, caller in product(_SCHEMES.get(port.protocol, ("http",)), sources):
                requests, missed = self._examples(caller, grpc=scheme == "grpc")
                if missed:
                    what = f"{missed} combinations of headers and parameters to {self.service}:{port.number}"
                    self.cut[what] = None
                if scheme == "https":
                    requests = [replace(requests[0], host=name) for name in self._server_names(caller)]
                elif scheme == "tcp":
                    requests = requests[:1]
                plain, *slow = self.speeds if caller.meshed or self.gateway else self.speeds[:1]
                tried = [(example, plain) for example in requests]
                tried += [(example, sides) for sides in slow for example in self._timed(requests)]
                for example, sides in tried:
                    self.classes += 1
                    request = _request(self.service, port, scheme, caller, example)
                    self._compare(request, (self.service, port.number, scheme), caller, sides)

    def _examples(self, caller: Caller, *, grpc: bool) -> tuple[list[Example], int]:
        """An example of each class of requests; who has no proxy follows no routes."""
        before, after = self.relevant
        conditions = before.at_server | after.at_server
        if caller.meshed:
            conditions |= before.followed | after.followed
        is_known = bool if self.gateway else self._is_host
        return examples.examples(conditions, grpc=grpc, limit=self.limit, is_known=is_known)

    def _server_names(self, caller: Caller) -> list[str]:
        """A name for each class of what TLS can ask for: of a gateway any, else one of the Service's own."""
        before, after = self.relevant
        conditions = before.followed | after.followed | before.at_server | after.at_server
        full, svc, *short = names(self.service, caller.workload.namespace)
        wanted = conditions.names | conditions.hosts if self.gateway else conditions.names
        return examples.server_names(wanted, [*short, full, svc], others=self.gateway)

    @property
    def left_out(self) -> Iterator[str]:
        """What no class of requests to the Service shows."""
        yield from self.cut
        if not self.gateway and any(side.followed.hosts or side.at_server.hosts for side in self.relevant):
            yield OTHER_HOSTS
        if any(_speaks_of(resource, "retr") for resource in self.objects):
            yield RETRIES
        for side in self.relevant:
            for pattern in examples.untried(side.at_server | side.followed):
                yield f"texts that the regular expression {pattern!r} takes: no example was found"

    def _is_host(self, host: str) -> bool:
        """Whether a Host header is a name of the Service itself."""
        return host.partition(":")[0] in names(self.service, self.service.namespace)

    def _timed(self, requests: list[Example]) -> list[Example]:
        """The examples that routes can tell apart: time limits are theirs."""
        if any(side.followed.methods for side in self.relevant):
            return requests
        return [example for example in requests if example.method == requests[0].method]

    def _compare(
        self, request: Request, called: tuple[Resource, int, str], caller: Caller, sides: Sides
    ) -> None:
        before, after = (decide(state, request) for state in sides)
        was, now = answers(before), answers(after)
        parts = unlike(was, now)
        if not parts:
            return
        key = (*called[1:], parts, worded(was), worded(now))
        source = str(caller.workload)
        if alike := self.differences.get(key):
            sources = tuple(dict.fromkeys((*alike.sources, source)))
            self.differences[key] = replace(alike, classes=alike.classes + 1, sources=sources)
        else:
            self.differences[key] = Difference(*called, request, caller, parts, before, after, 1, (source,))


@per_object
def _speaks_of(resource: Resource, word: str) -> bool:
    """Whether an object has a word in a field or annotation."""
    return word in str(resource.data).lower()


def _request(service: Resource, port: ServicePort, scheme: str, caller: Caller, example: Example) -> Request:
    if scheme == "https":  # TLS asks for the name that is dialled, unless a gateway stands between
        url = f"https://{example.host}:{port.number}/"
        if example.host in names(service, service.namespace):
            return Request(caller.workload, url)
        return Request(HOST, url, through=Workload(service.namespace, service.name))
    address = f"{service.name}.{service.namespace}:{port.number}"
    path = example.target if scheme != "tcp" else ""
    return Request(caller.workload, f"{scheme}://{address}{path}", example.method, example.sent)


def _alike(state: State, image: str) -> State:
    """The state with one application everywhere: only meshes are compared."""

    def alike(pod: Pod) -> Pod:
        containers = tuple(replace(container, image=image) for container in pod.containers)
        return pod if pod.gateway else replace(pod, containers=containers)

    return with_pods(state, alike)


def with_pods(state: State, change: Callable[[Pod], Pod]) -> State:
    """Returns the state with each of its pods changed."""
    running = {workload: tuple(map(change, pods)) for workload, pods in state.running.items()}
    return replace(state, running=running)

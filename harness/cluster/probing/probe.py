"""Sending probes from a workload's pod, and reading who answered them and how they were protected."""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base import HarnessError
from harness.cluster.api import PODS, Deadline, ExecInterruptedError, tail
from harness.cluster.api.shell import execute
from harness.cluster.objects import pods
from harness.cluster.probing import counters, curl, disruption, ingress, services
from harness.cluster.probing.answers import answering_pods, lost, parse, refusal
from harness.cluster.probing.attribution import attributed
from harness.cluster.probing.positive_control import control
from harness.cluster.probing.sources import Sources
from harness.cluster.probing.wire import Wire
from harness.traffic.observables import Arrived
from harness.traffic.outcomes import Group, Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from harness.base import Mesh, Workload
    from harness.cluster.api import Client, ClusterSettings, Json
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.probing.answers import CurlAnswer
    from harness.cluster.probing.attribution import Shown
    from harness.cluster.probing.counters import Counters
    from harness.traffic.observables import Resolution
    from harness.traffic.request import Request

logger = logging.getLogger(__name__)

_COUNTING_SECONDS = 30.0
_LOOKS = 4
"""Pods at whose ports is looked on the wire, at most: those of one workload hardly differ."""


@dataclass(eq=False)
class Prober:
    """Sends requests from pods of one cluster; safe to share between threads."""

    client: Client
    planes: Mapping[Mesh, ControlPlane]
    settings: ClusterSettings
    provide_images: Callable[[Collection[str]], None]

    def __post_init__(self) -> None:
        self._sources = Sources(self.client, self.settings, self.provide_images)
        self._wire = Wire(self.client, self.settings, self.provide_images, self.planes)

    def send(self, request: Request, count: int, *, witness: bool) -> Outcomes:
        """Sends `count` equal requests by one exec, and returns an outcome for each.

        With `witness` the servers' proxies are asked for their counters before and after. Raises
        ExecInterruptedError if the client's pod goes away meanwhile, HarnessError if curl can't do it.
        """
        if request.token:
            raise HarnessError(
                f"{request} carries a token that nobody signed",
                why="it is given by its claims, which the model believes and no cluster's proxy does",
                todo="send one that its issuer signed: headers: {authorization: Bearer …}",
            )
        if request.through:
            return self._enter(request, count)
        deadline = Deadline(self.settings.timeout)
        if request.pod:
            request = request.at_address(self._sources.address(request.pod, deadline))
        source = self._sources.sender(request.source, deadline)
        if request.tcp:
            return self._connect(source, request, count, deadline)
        before = self._scrape(request) if witness else {}
        there, start = self._sources.seen, time.monotonic()
        answers = self._ask(source, request, count, deadline)
        seconds = time.monotonic() - start
        logger.info("%s: %d requests in %.1f s (%.0f/s)", request, count, seconds, count / seconds)
        if any(map(lost, answers)):
            answers = self._regained(source, request, answers, deadline)
        disruption.refuse_if_ending(self.client, request, source.pod, self._sources.look(), answers)
        disruption.refuse_if_disrupted(self.client, request, there, self._sources.seen, answers)
        after = self._scrape(request) if witness else {}
        looks = self._look(request, source.pod, answers) if witness else {}
        shown = (before, after, looks)
        return attributed(self.client, self.planes, self._sources, request, answers, *shown)

    def count(self, request: Request, count: int, workload: Workload) -> Arrived:
        """Sends requests, and counts by the proxies of a workload's pods what arrives there meanwhile."""
        before = counters.at(self.client, self.planes, workload)
        outcomes = self.send(request, count, witness=False)
        deadline = Deadline(_COUNTING_SECONDS)
        number = counters.settled(self.client, self.planes, workload, before, deadline)
        evidence = f"the proxies of {workload} counted {number} requests while {count} were sent"
        return Arrived(count, Fraction(number), outcomes, (evidence,))

    def equipped(self, pod: Json, deadline: Deadline) -> curl.Curl:
        return self._sources.equipped(pod, deadline)

    def resolve(self, source: Workload, name: str) -> Resolution:
        deadline = Deadline(self.settings.timeout)
        return services.resolve(
            self.client, source.namespace, self._sources.sender(source, deadline), name, deadline
        )

    def control(self, request: Request) -> str:
        """Returns that a server's application answers past its proxy; raises HarnessError."""
        return control(self.client, request, self.settings.request_timeout)

    def _enter(self, request: Request, count: int) -> Outcomes:
        """Sends requests from this machine through a gateway."""
        assert request.through is not None
        door = ingress.door(self.client, request.through, request.port)
        self._sources.look()
        start, settings = time.monotonic(), self.settings
        answers = ingress.ask(
            door, request, count, parallel=settings.parallel, seconds=settings.request_timeout
        )
        logger.info("%s, at %s: %d requests in %.1f s", request, door, count, time.monotonic() - start)
        return attributed(self.client, self.planes, self._sources, request, answers, {}, {}, {})

    def _connect(self, source: curl.Curl, request: Request, count: int, deadline: Deadline) -> Outcomes:
        """Makes `count` connections by one exec."""
        mark = f"--{secrets.token_hex(12)}"
        argv = curl.connecting(request, count, parallel=self.settings.parallel, mark=mark)
        namespace = request.source.namespace
        done = execute(self.client, namespace, source.pod, source.container, argv, deadline)
        answers = parse(done.stdout, mark)
        self._refuse_unless_complete(source, request, answers, count, done.stderr)
        disruption.refuse_if_ending(self.client, request, source.pod, self._sources.look(), answers)
        return Outcomes(tuple(Group(curl.connected(answer), Fraction(1)) for answer in answers), count)

    def _ask(
        self, source: curl.Curl, request: Request, count: int, deadline: Deadline, *, message: bool = True
    ) -> list[CurlAnswer]:
        """Sends the requests by one exec; raises HarnessError if curl doesn't report on all of them."""
        mark = f"--{secrets.token_hex(12)}"
        argv = curl.command(
            request,
            count,
            version=source.version,
            parallel=self.settings.parallel,
            seconds=self.settings.request_timeout,
            mark=mark,
            message=message,
        )
        namespace = request.source.namespace
        try:
            done = execute(self.client, namespace, source.pod, source.container, argv, deadline)
        except ExecInterruptedError as error:
            error.why = disruption.of_client(self.client, namespace, source.pod)
            raise
        answers = parse(done.stdout, mark)
        self._refuse_unless_complete(source, request, answers, count, done.stderr)
        return answers

    def _refuse_unless_complete(
        self, source: curl.Curl, request: Request, answers: Sequence[CurlAnswer], count: int, stderr: str
    ) -> None:
        if len(answers) != count:
            raise HarnessError(
                f"curl reported {len(answers)} of {count} requests",
                where=f"Pod {request.source.namespace}/{source.pod}, container {source.container}",
                why=tail(stderr),
            )

    def _regained(
        self, source: curl.Curl, request: Request, answers: list[CurlAnswer], deadline: Deadline
    ) -> list[CurlAnswer]:
        """Sends the calls whose answers curl lost again, without a message: a proxy's refusal needs none.

        Only refusals are taken from it: a call that gets through this time stays the failure it was.
        """
        again = iter(self._ask(source, request, sum(map(lost, answers)), deadline, message=False))
        return [retold if lost(answer) and refusal(retold := next(again)) else answer for answer in answers]

    def _scrape(self, request: Request) -> Counters:
        """Reads the counters of the proxies that may be the servers': all of the Service's namespace."""
        service = services.service_of(request.host, request.source.namespace)
        listed = self.client.list(PODS.collection(service.namespace)) if service else []
        return counters.scrape(self.client, self.planes, listed)

    def _look(self, request: Request, source: str, answers: Sequence[CurlAnswer]) -> dict[str, Shown]:
        """Looks at the ports of the pods that answered, or may have: those behind the URL's Service."""
        known = self._sources.known
        try:
            behind = services.behind(self.client, request)
        except HarnessError:
            return {}
        client = next(pod for pod in known[source].values())
        named = frozenset[str]().union(*(answering_pods(answer, self._sources.owners) for answer in answers))
        answered = [pod for name in sorted(named) for pod in known[name].values()]
        looks = {}
        for pod in (answered or sorted(behind.pods, key=pods.name))[:_LOOKS]:
            port = behind.port(pod)
            shown = self._wire.look(client, pod, port) if port else None
            if shown is not None:
                looks[pods.name(pod)] = shown
        return looks

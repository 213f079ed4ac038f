"""Sending probes from a workload's pod, and reading who answered them and how they were protected."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.cluster import curl, disruption, ephemeral, pods, services
from harness.cluster.answers import answering_pods, lost, outcome, parse, refusal
from harness.cluster.client import ApiError
from harness.cluster.deadline import Deadline
from harness.cluster.discovery import PODS
from harness.cluster.exec import ExecInterruptedError, execute
from harness.cluster.forward import exchange
from harness.cluster.tools import tail
from harness.cluster.watch import wait_until
from harness.errors import HarnessError, did_you_mean
from harness.meshes.evidence import agreed, by_headers
from harness.traffic.outcomes import Group, Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from harness.cluster.answers import Answer
    from harness.cluster.client import Client, Json
    from harness.cluster.settings import ClusterSettings
    from harness.meshes.base import ControlPlane
    from harness.traffic.outcomes import Hop, Outcome
    from harness.traffic.request import Request
    from harness.vocabulary import Mesh, Workload

logger = logging.getLogger(__name__)

_GONE = (502, 503, 504)  # what a proxy answers for a server that isn't there
_SCRAPES = 8  # at once

# The start of every HTTP/2 connection, and an empty SETTINGS frame [RFC 9113, 3.4].
_HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4


class Prober:
    """Sends requests from pods of one cluster; safe to share between threads."""

    def __init__(
        self,
        client: Client,
        planes: Mapping[Mesh, ControlPlane],
        settings: ClusterSettings,
        provide_images: Callable[[Collection[str]], None],
    ) -> None:
        self._client = client
        self._planes = planes
        self._settings = settings
        self._provide_images = provide_images
        self._lock = threading.Lock()
        self._seen: list[Json] = []  # the pods that there were at the last look
        self._curls: dict[str, curl.Curl] = {}  # by the pod's uid
        self._pods: dict[str, dict[Workload, Json]] = defaultdict(dict)  # every pod seen so far, by its name

    def send(self, request: Request, count: int, *, witness: bool) -> Outcomes:
        """Sends `count` equal requests by one exec, and returns an outcome for each.

        With `witness` the servers' proxies are asked for their counters before and after. Raises
        ExecInterruptedError if the client's pod goes away meanwhile, HarnessError if curl can't do it.
        """
        if request.tcp:
            raise HarnessError(
                f"{request} can't be sent from a cluster's pod",
                why="curl reports on requests, not on bare connections",
                todo="probe it with http://, or judge the connection on the model",
            )
        if request.token:
            raise HarnessError(
                f"{request} carries a token that nobody signed",
                why="it is given by its claims, which the model believes and no cluster's proxy does",
                todo="send one that its issuer signed: headers: {authorization: Bearer …}",
            )
        deadline = Deadline(self._settings.timeout)
        source = self._curl(request.source, deadline)
        before = self._scrape(request) if witness else {}
        there, start = self._seen, time.monotonic()
        answers = self._ask(source, request, count, deadline)
        seconds = time.monotonic() - start
        logger.info("%s: %d requests in %.1f s (%.0f/s)", request, count, seconds, count / seconds)
        if any(map(lost, answers)):
            answers = self._regained(source, request, answers, deadline)
        self._refuse_if_ending(source, request, answers)
        self._refuse_if_disrupted(request, answers, there)
        after = self._scrape(request) if witness else {}
        return self._outcomes(request, answers, before, after)

    def _ask(
        self, source: curl.Curl, request: Request, count: int, deadline: Deadline, *, message: bool = True
    ) -> list[Answer]:
        """Sends the requests by one exec; raises HarnessError if curl doesn't report on all of them."""
        mark = f"--{secrets.token_hex(12)}"
        argv = curl.command(
            request,
            count,
            version=source.version,
            parallel=self._settings.parallel,
            seconds=self._settings.request_timeout,
            mark=mark,
            message=message,
        )
        namespace = request.source.namespace
        try:
            done = execute(self._client, namespace, source.pod, source.container, argv, deadline)
        except ExecInterruptedError as error:
            error.why = disruption.of_client(self._client, namespace, source.pod)
            raise
        answers = parse(done.stdout, mark)
        if len(answers) != count:
            raise HarnessError(
                f"curl reported {len(answers)} of {count} requests",
                where=f"Pod {request.source.namespace}/{source.pod}, container {source.container}",
                why=tail(done.stderr),
            )
        return answers

    def _regained(
        self, source: curl.Curl, request: Request, answers: list[Answer], deadline: Deadline
    ) -> list[Answer]:
        """Sends the calls whose answers curl lost again, without a message: a proxy's refusal needs none.

        Only refusals are taken from it: a call that gets through this time stays the failure it was.
        """
        again = iter(self._ask(source, request, sum(map(lost, answers)), deadline, message=False))
        return [retold if lost(answer) and refusal(retold := next(again)) else answer for answer in answers]

    def control(self, request: Request) -> str:
        """Sends a request to a server's application past its proxy, and returns that it answered.

        An answer of any status will do: it shows that the application is up. Raises HarnessError.
        """
        found = services.behind(self._client, request)
        ready = [pod for pod in found.pods if pods.ready(pod)]
        port = found.port(ready[0]) if ready else None
        if port is None:
            raise HarnessError(
                f"Service {found.service} has no ready pod with port {found.target}", where=str(request)
            )
        message, enough = (_HTTP2_HELLO, _is_settings) if request.grpc else (_http1(request), _is_status_line)
        name = pods.name(ready[0])
        deadline = Deadline(self._settings.request_timeout)
        answer = exchange(self._client, found.service.namespace, name, port, message, enough, deadline)
        said = "speaks HTTP/2" if request.grpc else answer.split(b"\r\n")[0].decode(errors="replace")
        return f"past its proxy, Pod {found.service.namespace}/{name} answers on port {port}: {said}"

    def _refuse_if_ending(self, source: curl.Curl, request: Request, answers: Sequence[Answer]) -> None:
        """A client whose pod ends loses its proxy first: its failures tell nothing of the server."""
        now = [pod for pod in self._look() if pods.name(pod) == source.pod and pods.running(pod)]
        if not now and any(answer.exit_code for answer in answers):
            raise ExecInterruptedError(
                "the client's pod was ending while it sent the probe",
                where=f"Pod {request.source.namespace}/{source.pod}",
                why=disruption.of_client(self._client, request.source.namespace, source.pod),
                todo="probe again",
            )

    def _refuse_if_disrupted(self, request: Request, answers: Sequence[Answer], there: list[Json]) -> None:
        """Failures while the servers' pods end are those of the pods' end, and tell nothing of a policy."""
        service = services.service_of(request.host, request.source.namespace)
        failed = sum(answer.exit_code != 0 or answer.status in _GONE for answer in answers)
        if not (service and failed):
            return
        mine = [pod for pod in there if pod["metadata"]["namespace"] == service.namespace]
        told = disruption.of_servers(self._client, mine, self._seen)
        if told:
            raise ExecInterruptedError(
                f"pods ended while the probe ran, and {failed} of its {len(answers)} requests failed",
                where=str(request),
                why=told,
                todo="probe again",
            )

    def _curl(self, source: Workload, deadline: Deadline) -> curl.Curl:
        """Finds out, once for each pod, from which of its containers curl can be run."""
        with self._lock:
            pod = self._ready_pod(source, deadline)
            uid = pod["metadata"]["uid"]
            if uid not in self._curls:
                self._curls[uid] = self._equip(pod, deadline)
            return self._curls[uid]

    def _equip(self, pod: Json, deadline: Deadline) -> curl.Curl:
        own = pods.application(pod)
        version = self._version(pod, own, deadline)
        if version:
            return curl.Curl(pods.name(pod), own, version)
        self._provide_images([self._settings.curl_image])
        added = ephemeral.ensure(self._client, pod, self._settings.curl_image, deadline)
        version = self._version(pod, added, deadline)
        if version is None:
            raise HarnessError(
                f"{self._settings.curl_image} can't send probes",
                todo="choose a curl_image with sh, mktemp and curl {}.{} or newer".format(*curl.OLDEST),
            )
        return curl.Curl(pods.name(pod), added, version)

    def _version(self, pod: Json, container: str, deadline: Deadline) -> tuple[int, ...] | None:
        namespace = pod["metadata"]["namespace"]
        done = execute(self._client, namespace, pods.name(pod), container, curl.CHECK, deadline)
        return curl.usable(done.stdout) if done.code == 0 else None

    def _ready_pod(self, source: Workload, deadline: Deadline) -> Json:
        found = self._of(source, self._look())
        if not found:
            known = {str(owner) for owners in self._pods.values() for owner in owners}
            raise HarnessError(
                f"there is no workload {source} with a pod", why=did_you_mean(str(source), known)
            )
        ready = list(filter(pods.ready, found))
        if not ready:
            path = PODS.collection(source.namespace)
            view: dict[str, list[Json]] = {}

            def unmet(now: dict[str, list[Json]]) -> str | None:
                view.update(now)
                mine = self._of(source, now[path])
                if any(map(pods.ready, mine)):
                    return None
                troubles = [
                    f"{pods.name(pod)}: {': '.join(told)}" for pod in mine if (told := pods.trouble(pod))
                ]
                return "; ".join(troubles) or "no pod is ready"

            wait_until(self._client, f"a pod of {source} is ready", [path], unmet, deadline)
            ready = list(filter(pods.ready, self._of(source, view[path])))
        return min(ready, key=pods.name)

    def _of(self, source: Workload, items: Sequence[Json]) -> list[Json]:
        return [pod for pod in items if pods.workload(pod) == source]

    def _look(self) -> list[Json]:
        """Lists the cluster's pods, and remembers them: an answer may name one that is gone by then."""
        self._seen = items = self._client.list(PODS.collection())
        for pod in items:
            owner = pods.workload(pod)
            if owner:
                self._pods[pods.name(pod)][owner] = pod
        return items

    def _scrape(self, request: Request) -> dict[str, tuple[ControlPlane, str]]:
        """Reads the counters of the proxies that may be the servers': all of the Service's namespace."""
        service = services.service_of(request.host, request.source.namespace)
        listed = self._client.list(PODS.collection(service.namespace)) if service else []
        single = [
            (pod, *pods.meshes(pod)) for pod in listed if pods.running(pod) and len(pods.meshes(pod)) == 1
        ]

        def read(pod: Json, mesh: Mesh) -> tuple[str, tuple[ControlPlane, str]] | None:
            plane = self._planes[mesh]
            base = PODS.path(pod["metadata"]["namespace"], pods.name(pod))
            try:
                text = self._client.text("GET", f"{base}:{plane.counters.port}/proxy/{plane.counters.path}")
            except ApiError as error:
                logger.debug("no counters of %s: %s", base, error)
                return None
            return pods.name(pod), (plane, text)

        with ThreadPoolExecutor(_SCRAPES) as pool:
            return dict(filter(None, pool.map(lambda item: read(*item), single)))

    def _outcomes(
        self,
        request: Request,
        answers: Sequence[Answer],
        before: Mapping[str, tuple[ControlPlane, str]],
        after: Mapping[str, tuple[ControlPlane, str]],
    ) -> Outcomes:
        known = {name: next(iter(owners)) for name, owners in self._pods.items() if len(owners) == 1}
        named = [answering_pods(answer, known) for answer in answers]
        counted = {
            name: plane.witness(before[name][1], text, max(1, sum(one == {name} for one in named)))
            for name, (plane, text) in after.items()
            if name in before
        }
        fallback = self._servers(request) if not all(named) else None
        groups = []
        for answer, names in zip(answers, named, strict=True):
            plain = outcome(answer, request)
            hop = None
            if plain.failure is None:
                hop = agreed(
                    (self._by_headers(plain, names, known, fallback), _by_counters(names, counted)),
                    str(request),
                )
            backend = known[min(names)] if names else None
            groups.append(Group(replace(plain, backend=backend, hop=hop), Fraction(1)))
        return Outcomes(tuple(groups), len(groups))

    def _by_headers(
        self,
        found: Outcome,
        names: frozenset[str],
        known: Mapping[str, Workload],
        fallback: frozenset[Mesh] | None,
    ) -> Hop | None:
        if names:
            kinds = {pods.meshes(self._pods[name][known[name]]) for name in names}
            return by_headers(found.server_saw, kinds.pop(), self._planes) if len(kinds) == 1 else None
        return by_headers(found.server_saw, fallback, self._planes) if found.server_saw else None

    def _servers(self, request: Request) -> frozenset[Mesh] | None:
        """The proxies in the pods behind the URL's Service, if they are the same in all of them."""
        try:
            kinds = {pods.meshes(pod) for pod in services.behind(self._client, request).pods}
        except HarnessError:
            return None
        return kinds.pop() if len(kinds) == 1 else None


def _by_counters(names: frozenset[str], counted: Mapping[str, Hop | None]) -> Hop | None:
    """What the answering pod's proxy counted; of an unknown pod, what all that counted anything say."""
    if len(names) == 1:
        return counted.get(min(names))
    told = {hop for hop in counted.values() if hop is not None}
    return told.pop() if len(told) == 1 else None


def _http1(request: Request) -> bytes:
    target = f"{request.path}?{request.query}" if request.query else request.path
    headers = [
        f"{name}: {value}" for name, value in request.headers if name.lower() not in ("host", "connection")
    ]
    lines = [
        f"{request.http_method} {target} HTTP/1.1",
        f"Host: {request.authority}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def _is_status_line(received: bytes) -> bool:
    return received.startswith(b"HTTP/") and b"\r\n" in received


def _is_settings(received: bytes) -> bool:
    return len(received) >= 9 and received[3] == _SETTINGS

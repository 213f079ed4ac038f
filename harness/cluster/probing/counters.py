"""Counters of proxies, in the Prometheus text format: read, compared, and what arrives by them."""

from __future__ import annotations

import logging
import re
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base import HarnessError, Mesh
from harness.cluster.api import PODS, ApiError
from harness.cluster.objects import pods
from harness.cluster.probing import services
from harness.traffic.observables import Growth, Metered, inbound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.base import Workload
    from harness.cluster.api import Client, Deadline, Json
    from harness.cluster.control_plane import ControlPlane
    from harness.cluster.probing.probe import Prober
    from harness.traffic.observables import Meter
    from harness.traffic.request import Request

logger = logging.getLogger(__name__)

Counters = dict[str, tuple["ControlPlane", str]]
"""The counters of proxies as they show them, by pod."""

_AT_ONCE = 8
_QUIET_SECONDS = 0.5
"""Copies and retries arrive after the answers: this long nothing more must come."""
_LINKERD_ADMIN = ":4191"

_SAMPLE = re.compile(r"^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)", re.MULTILINE)
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')

_LAG_SECONDS = 1.0  # at most, between an answer's end and its count


def scrape(client: Client, planes: Mapping[Mesh, ControlPlane], listed: Iterable[Json]) -> Counters:
    """Returns the counters of the running pods with one mesh's proxy; what can't be read is left out."""

    def read(pod: Json, mesh: Mesh) -> tuple[str, tuple[ControlPlane, str]] | None:
        plane = planes[mesh]
        base = PODS.path(pods.namespace(pod), pods.name(pod))
        try:
            text = client.text("GET", f"{base}:{plane.counters.port}/proxy/{plane.counters.path}")
        except ApiError as error:
            logger.debug("no counters of %s: %s", base, error)
            return None
        return pods.name(pod), (plane, text)

    single = [(pod, *pods.meshes(pod)) for pod in listed if pods.running(pod) and len(pods.meshes(pod)) == 1]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(filter(None, pool.map(lambda item: read(*item), single)))


def at(client: Client, planes: Mapping[Mesh, ControlPlane], workload: Workload) -> Counters:
    """Returns the counters of a workload's proxies; raises HarnessError if they can't be had of each pod."""
    mine = services.pods_of(client, workload)
    counters = scrape(client, planes, mine)
    lacking = sorted(pods.name(pod) for pod in mine if pods.name(pod) not in counters)
    if lacking or not mine:
        raise HarnessError(
            f"what arrives at {workload} can't be counted",
            why=f"no counters of a mesh's proxy in {', '.join(lacking)}"
            if lacking
            else "it has no running pod",
            todo="have its namespace in a mesh: a server's own proxy counts",
        )
    return counters


def settled(
    client: Client,
    planes: Mapping[Mesh, ControlPlane],
    workload: Workload,
    before: Counters,
    deadline: Deadline,
) -> int:
    """Returns how many requests arrived since `before`, once no more of them come.

    Raises HarnessError if a proxy doesn't count them, or they don't end.
    """
    last = None
    while not deadline.over:
        now = _arrived(workload, before, at(client, planes, workload))
        if now == last:
            return now
        last = now
        time.sleep(_QUIET_SECONDS)
    raise HarnessError(
        f"requests go on arriving at {workload}", why=f"{last} so far", todo="stop what else sends them"
    )


def _arrived(workload: Workload, before: Counters, after: Counters) -> int:
    total = 0
    for pod, (plane, text) in after.items():
        number = arrived(plane.mesh, before[pod][1] if pod in before else "", text)
        if number is None:
            raise HarnessError(
                f"what arrives at {workload} can't be counted",
                where=f"Pod {workload.namespace}/{pod}",
                why="its istio-proxy shows no envoy_http_downstream_rq_total",
                todo="install Istio with proxyStatsMatcher asking for downstream_rq_total",
            )
        total += number
    return total


def arrived(mesh: Mesh, before: str, after: str) -> int | None:
    """Returns how many requests came in between two readings of a proxy's counters.

    None if the proxy doesn't count them. Whose requests they were isn't told.
    """
    return _COUNTED[mesh](before, after)


def _by_istio(before: str, after: str) -> int | None:
    """By a sidecar, if it was asked to count at installation [istio_tls]."""
    counted = [
        sample.value
        for sample in growth(before, after, "envoy_http_downstream_rq_total")
        if sample.label("http_conn_manager_prefix").startswith("inbound_")
    ]
    return int(sum(counted)) if counted else None


def _by_linkerd(before: str, after: str) -> int:
    """By Linkerd's proxy, which shows a counter from its first request on, and counts who asks for those."""
    return sum(
        int(sample.value)
        for sample in growth(before, after, "request_total")
        if sample.label("direction") == "inbound" and not sample.label("target_addr").endswith(_LINKERD_ADMIN)
    )


_COUNTED: Mapping[Mesh, Callable[[str, str], int | None]] = {Mesh.ISTIO: _by_istio, Mesh.LINKERD: _by_linkerd}


@dataclass(frozen=True)
class Sample:
    """One line: a metric's name, its labels, its value."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float

    def label(self, name: str) -> str:
        return dict(self.labels).get(name, "")


def samples(text: str, *names: str) -> Iterator[Sample]:
    """Yields the samples of these metrics."""
    for match in _SAMPLE.finditer(text):
        if match[1] in names:
            yield Sample(match[1], tuple(_LABEL.findall(match[2] or "")), float(match[3]))


def growth(before: str, after: str, *names: str) -> Iterator[Sample]:
    """Yields how much each series of these metrics grew, a restarted or new one from 0."""
    old = {(sample.name, sample.labels): sample.value for sample in samples(before, *names)}
    for sample in samples(after, *names):
        start = old.get((sample.name, sample.labels), 0.0)
        grown = sample.value - start if sample.value >= start else sample.value
        yield Sample(sample.name, sample.labels, grown)


def metered(
    client: Client, prober: Prober, plane: ControlPlane, request: Request, count: int, meter: Meter
) -> Metered:
    """Sends requests, and returns what proxies counted meanwhile, and in as much time after that.

    A pod without the mesh's proxy counts nothing. Raises HarnessError if no pod runs, or a proxy can't be
    read.
    """
    before, start = _read(client, plane, meter), time.monotonic()
    outcomes = prober.send(request, count, witness=False)
    time.sleep(_LAG_SECONDS)
    after, taken = _read(client, plane, meter), time.monotonic() - start
    time.sleep(taken)
    later = _read(client, plane, meter)
    comes_in = meter.at != request.source
    growths = tuple(
        Growth(
            name,
            _grown(before, after, name, comes_in),
            _grown(after, later, name, comes_in),
            there=any(list(samples(text, name)) for text in after.values()),
        )
        for name in meter.counters
    )
    where = ", ".join(f"Pod {meter.at.namespace}/{name}" for name in after) or "no pod"
    times = f"{taken:.1f} s with the requests, then as long without"
    return Metered(count, outcomes, growths, (f"{meter.mesh.proxy} of {where} was read: {times}",))


def _read(client: Client, plane: ControlPlane, meter: Meter) -> dict[str, str]:
    """What the metrics ports of the workload's proxies answer, by pod."""
    mine = services.pods_of(client, meter.at)
    if not mine:
        raise HarnessError(f"{meter.at} has no running pod")
    proxied = [pod for pod in mine if pods.meshes(pod) == {meter.mesh}]
    texts = {name: text for name, (_, text) in scrape(client, {meter.mesh: plane}, proxied).items()}
    if unread := sorted({pods.name(pod) for pod in proxied} - texts.keys()):
        raise HarnessError(
            f"the counters of {meter.mesh.proxy} can't be read",
            where=f"Pod {meter.at.namespace}/{unread[0]}",
            todo=f"check that the API server reaches its port {plane.counters.port}",
        )
    return texts


def _grown(before: Mapping[str, str], after: Mapping[str, str], name: str, comes_in: bool) -> int:
    """By how much a counter grew on one side of all proxies; a series that doesn't tell its side counts."""
    return sum(
        int(sample.value)
        for pod, text in after.items()
        for sample in growth(before.get(pod, ""), text, name)
        if inbound(name, dict(sample.labels)) in (comes_in, None)
    )

"""What a ground shows beside answers: pods, their proxies and counters, probes, names, arrivals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.base.errors import NotPredictedError
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from harness.base.vocabulary import Workload
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.trace import Trace


class Basis(StrEnum):
    """Whether a result was worked out by the model or seen on a cluster; never mixed."""

    PREDICTED = "predicted"
    OBSERVED = "observed"


@dataclass(frozen=True)
class Proxy:
    """A mesh's proxy in a pod; `native` tells a native sidecar from an ordinary container.

    `ingress` says that it goes by a header of requests, and not by where they were sent (Linkerd's alone).
    """

    mesh: Mesh
    native: bool
    ingress: bool = False

    def __str__(self) -> str:
        mode = ", ingress mode" if self.ingress else ""
        return f"{self.mesh.proxy} ({'native sidecar' if self.native else 'container'}{mode})"


@dataclass(frozen=True)
class Pod:
    """A pod: its proxies, and what injectors said when they left it alone.

    `skipped` holds a message for each mesh that was asked to inject and didn't, `trouble` what keeps the pod
    from being ready, empty if it is.
    """

    name: str
    proxies: tuple[Proxy, ...] = ()
    skipped: tuple[tuple[Mesh, str], ...] = ()
    trouble: str = ""


@dataclass(frozen=True)
class Probed:
    """One of the kubelet's probes of a pod: whether it passes, and what shows that.

    `probe` is the container's name and the probe's field. `control` shows that the application answers the
    probe when nothing is in the way, empty where that isn't shown; `trace` is the model's.
    """

    pod: str
    probe: str
    passes: bool
    evidence: str
    control: str = ""
    trace: Trace = ()


@dataclass(frozen=True)
class Resolution:
    """What a name leads to in a client's pod: a Service (or its pods), a place outside, or neither.

    `addresses` are known on a cluster; `evidence` says what showed it.
    """

    service: Workload | None = None
    outside: bool = False
    addresses: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrived:
    """What came back of `sent` requests, and how many arrived at a workload's application meanwhile.

    The model decides one request; `number` then is what arrives on average.
    """

    sent: int
    number: Fraction
    outcomes: Outcomes
    witnesses: tuple[str, ...] = ()


GOLDEN: Mapping[Mesh, tuple[str, ...]] = {
    Mesh.ISTIO: ("istio_requests_total", "istio_request_duration_milliseconds_count"),
    Mesh.LINKERD: ("request_total", "response_total", "response_latency_ms_count"),
}
"""By mesh, its counters that grow by one with each request [Istio: Standard Metrics; linkerd2-proxy:
linkerd/http/metrics]."""

ENVOY_REQUESTS = "envoy_http_downstream_rq_total"
"""Envoy's own count of requests, which an Istio without telemetry has, too, where it is asked for."""

LINKERD_ROUTES = "outbound_http_route_request_statuses_total"
"""A Linkerd client's count by route and status, of HTTP alone [linkerd2-proxy: outbound route metrics]."""

_REPORTER = {"source": False, "destination": True}
_DIRECTION = {"outbound": False, "inbound": True}


@dataclass(frozen=True)
class Meter:
    """What is read: the counters of a mesh's proxies at a workload; its golden ones if none is named."""

    at: Workload
    mesh: Mesh
    named: tuple[str, ...] = ()

    @property
    def counters(self) -> tuple[str, ...]:
        return self.named or GOLDEN[self.mesh]

    def unpredicted(self, why: str) -> NotPredictedError:
        """Returns the error for what the model can't tell of these counters."""
        return NotPredictedError(f"what {self.mesh.proxy} of {self.at} counts: {why}")

    def unknown(self, counter: str) -> NotPredictedError:
        """Returns the error for a counter of which the model doesn't know whether the proxies have it."""
        return self.unpredicted(f"{counter} isn't one of the counters that the model knows there")


@dataclass(frozen=True)
class Growth:
    """How much a counter grew by requests, and (`idle`) in as much time without them.

    `there` tells whether the proxies have such a counter at all.
    """

    counter: str
    grown: int
    idle: int = 0
    there: bool = True


@dataclass(frozen=True)
class Metered:
    """What came back of `sent` requests, and by how much each counter grew, with the `evidence`."""

    sent: int
    outcomes: Outcomes
    growths: tuple[Growth, ...]
    evidence: tuple[str, ...] = ()


def inbound(name: str, labels: Mapping[str, str]) -> bool | None:
    """Whether a series counts requests that come in (True) or go out; None if it doesn't say."""
    side = name.partition("_")[0]
    if side in _DIRECTION:
        return _DIRECTION[side]
    listener = labels.get("http_conn_manager_prefix", "").partition("_")[0]
    if listener in _DIRECTION:
        return _DIRECTION[listener]
    reporter = _REPORTER.get(labels.get("reporter", ""))
    return _DIRECTION.get(labels.get("direction", "")) if reporter is None else reporter

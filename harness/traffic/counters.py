"""The counters by which each mesh tells its requests, and how much they grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.errors import NotPredictedError
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.vocabulary import Workload
    from harness.traffic.outcomes import Outcomes

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
        """The counters' names."""
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
    """What came back of `sent` requests, and by how much each counter grew; `told` says what showed it."""

    sent: int
    outcomes: Outcomes
    growths: tuple[Growth, ...]
    told: tuple[str, ...] = ()


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

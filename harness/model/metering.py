"""How much the counters of a workload's proxies grow by requests."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from harness.api.objects import spec_of
from harness.base.errors import NotPredictedError
from harness.base.vocabulary import Mesh
from harness.model.decide import arrivals
from harness.model.istio import interception, mesh_config
from harness.model.linkerd import bypass
from harness.traffic.counters import ENVOY_REQUESTS, GOLDEN, LINKERD_ROUTES, Growth, Metered

if TYPE_CHECKING:
    from harness.model.state.state import State
    from harness.traffic.counters import Meter
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request

_ERROR = 400
_OWN_COUNTERS = "sidecar.istio.io/statsInclusion"
"""The beginning of the annotations by which a pod chooses Envoy's counters for itself."""


def metered(state: State, request: Request, count: int, meter: Meter) -> Metered:
    """Returns by how much counters grow when `count` equal requests are sent.

    It follows where all of them are answered by applications that proxies reach as HTTP: each proxy on the
    way then counts each request once. Raises NotPredictedError for all else, and for counters that aren't
    among the golden ones.
    """
    pods = state.pods_of(meter.at)
    outcomes, arrived = arrivals(state, request)
    without = next((pod for pod in pods if meter.mesh not in [proxy.mesh for proxy in pod.proxies]), None)
    if without or not pods:
        told = f"{meter.at} has no {meter.mesh.proxy}"
        absent = tuple(Growth(name, 0, there=False) for name in meter.counters)
        return Metered(count, outcomes, absent, (told,))
    _refuse_unpredictable(meter, outcomes)
    goes_out = meter.at == request.source
    past = bypass.outbound(state, pods[0], request.port) or interception.outbound(pods[0], request.port)
    if goes_out and past:
        raise _unpredicted(meter, past.text)
    if arrived is None and not goes_out:
        raise _unpredicted(meter, "how many requests arrive depends on timing")
    each = Fraction(1) if goes_out else dict(arrived or ()).get(meter.at, Fraction(0))
    growths = []
    for name in meter.counters:
        there = _is_shown(state, meter, name, goes_out=goes_out)
        growths.append(Growth(name, int(count * each) if there else 0, there=there))
    return Metered(count, outcomes, tuple(growths), ("the model",))


def _is_shown(state: State, meter: Meter, name: str, *, goes_out: bool) -> bool:
    """Whether the proxies show a counter; raises NotPredictedError for one that isn't known there."""
    if meter.mesh is Mesh.ISTIO and name in (*GOLDEN[Mesh.ISTIO], ENVOY_REQUESTS):
        return _is_shown_by_istio(state, meter, name)
    if meter.mesh is Mesh.LINKERD and (name in GOLDEN[Mesh.LINKERD] or (name == LINKERD_ROUTES and goes_out)):
        return True
    raise _unpredicted(meter, f"{name} isn't one of the counters that the model knows there")


def _is_shown_by_istio(state: State, meter: Meter, name: str) -> bool:
    """Whether the installation has a counter shown [istio/istio: pilot/pkg/model/telemetry.go]."""
    providers, envoys = mesh_config.counted(state)
    if name == ENVOY_REQUESTS:
        asked = any("downstream_rq_total".endswith(one) for one in envoys.get("inclusionSuffixes") or ())
        own = any(key.startswith(_OWN_COUNTERS) for pod in state.pods_of(meter.at) for key in pod.annotations)
        if own or (not asked and envoys.keys() - {"inclusionSuffixes"}):
            raise _unpredicted(meter, "whether Envoy shows its own count depends on more than suffixes")
        return asked
    if any(spec_of(one).get("metrics") for one in state.all("telemetry.istio.io", "Telemetry")):
        raise _unpredicted(meter, "a Telemetry changes what Istio's proxies count")
    return "prometheus" in providers


def _refuse_unpredictable(meter: Meter, outcomes: Outcomes) -> None:
    """Raises NotPredictedError where proxies see no HTTP, or where one answers itself."""
    for group in outcomes.groups:
        outcome = group.outcome
        if outcome.backend is None or (outcome.status or 0) >= _ERROR:
            raise _unpredicted(meter, f"not each proxy on the way counts a request that gets {outcome}")
        if outcome.status is None or (outcome.hop is not None and outcome.hop.opaque):
            raise _unpredicted(meter, "a proxy takes the connection for bytes, and counts no requests")


def _unpredicted(meter: Meter, why: str) -> NotPredictedError:
    return NotPredictedError(f"what {meter.mesh.proxy} of {meter.at} counts: {why}")

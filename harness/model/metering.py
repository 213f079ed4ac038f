"""How much the counters of a workload's proxies grow by requests."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from harness.model import planes
from harness.model.decide import arrivals
from harness.traffic.observables import Growth, Metered

if TYPE_CHECKING:
    from harness.traffic.observables import Meter
    from harness.model.state import State
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request

_ERROR = 400


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
    past = planes.of(pods[0]).outbound_bypass(state, pods[0], request.port)
    if goes_out and past:
        raise meter.unpredicted(past.text)
    if arrived is None and not goes_out:
        raise meter.unpredicted("how many requests arrive depends on timing")
    each = Fraction(1) if goes_out else dict(arrived or ()).get(meter.at, Fraction(0))
    growths = []
    for name in meter.counters:
        there = planes.PLANES[meter.mesh].shows(state, meter, name, goes_out=goes_out)
        growths.append(Growth(name, int(count * each) if there else 0, there=there))
    return Metered(count, outcomes, tuple(growths), ("the model",))


def _refuse_unpredictable(meter: Meter, outcomes: Outcomes) -> None:
    """Raises NotPredictedError where proxies see no HTTP, or where one answers itself."""
    for group in outcomes.groups:
        outcome = group.outcome
        if outcome.backend is None or (outcome.status or 0) >= _ERROR:
            raise meter.unpredicted(f"not each proxy on the way counts a request that gets {outcome}")
        if outcome.status is None or (outcome.hop is not None and outcome.hop.opaque):
            raise meter.unpredicted("a proxy takes the connection for bytes, and counts no requests")

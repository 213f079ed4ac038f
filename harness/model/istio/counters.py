"""Which counters an installation of Istio has its proxies show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.objects import spec_of
from harness.model.istio import mesh_config, revision
from harness.traffic.counters import ENVOY_REQUESTS, GOLDEN

if TYPE_CHECKING:
    from harness.model.state.state import State
    from harness.traffic.counters import Meter

_OWN_COUNTERS = "sidecar.istio.io/statsInclusion"
"""The beginning of the annotations by which a pod chooses Envoy's counters for itself."""


def shown(state: State, meter: Meter, name: str) -> bool:
    """Returns whether the proxies at a workload show a counter; NotPredictedError where that isn't known.

    [istio/istio: pilot/pkg/model/telemetry.go]
    """
    if name not in (*GOLDEN[meter.mesh], ENVOY_REQUESTS):
        raise meter.unknown(name)
    providers, envoys = mesh_config.counted(state)
    if name == ENVOY_REQUESTS:
        asked = any("downstream_rq_total".endswith(one) for one in envoys.get("inclusionSuffixes") or ())
        own = any(key.startswith(_OWN_COUNTERS) for pod in state.pods_of(meter.at) for key in pod.annotations)
        if own or (not asked and envoys.keys() - {"inclusionSuffixes"}):
            raise meter.unpredicted("whether Envoy shows its own count depends on more than suffixes")
        return asked
    if any(spec_of(one).get("metrics") for one in revision.acting(state, "telemetry.istio.io", "Telemetry")):
        raise meter.unpredicted("a Telemetry changes what Istio's proxies count")
    return "prometheus" in providers

"""Which counters an installation of Istio has its proxies show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.mesh_config import Telemetry
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
    config = mesh_config.read(state)
    envoys = config.proxy.stats_matcher
    if name == ENVOY_REQUESTS:
        asked = any("downstream_rq_total".endswith(one) for one in envoys.inclusion_suffixes)
        own = any(key.startswith(_OWN_COUNTERS) for pod in state.pods_of(meter.at) for key in pod.annotations)
        if own or (not asked and envoys.undeclared()):
            raise meter.unpredicted("whether Envoy shows its own count depends on more than suffixes")
        return asked
    if any(Telemetry.of(one).metrics for one in revision.acting(state, "telemetry.istio.io", "Telemetry")):
        raise meter.unpredicted("a Telemetry changes what Istio's proxies count")
    return "prometheus" in config.default_providers.metrics

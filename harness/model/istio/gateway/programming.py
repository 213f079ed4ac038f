"""Whether a Gateway's addresses serve it, as Istio sees that: by the Services that it names.

[istio/istio: pilot/pkg/config/kube/gatewaycommon/context.go, ResolveGatewayInstances]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api.gateway import KubernetesGateway
from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.service import Service
from harness.model.istio.gateway import deployment
from harness.model.istio.gateway import listener as gateway_listener
from harness.model.network.dns import resolve
from harness.model.network.services import endpoints, service_ports

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.base.resources import Resource
    from harness.model.state import State

_TYPE = "networking.istio.io/service-type"


def programmed(state: State, gateway: Resource) -> str | None:
    """Returns the reason for which a Gateway isn't programmed on its listeners' ports, empty if it is.

    None where it depends on a load balancer's giving an address.
    """
    services = deployment.services(gateway)
    wanted = {listener.port for listener in gateway_listener.offered(state, gateway)}
    if not services:
        return "UnsupportedAddress"
    reasons = {_fault(state, gateway, name, wanted) for name in services}
    for reason in ("AddressNotUsable", "AddressNotAssigned", None):
        if reason in reasons:
            return reason
    return ""


def _fault(state: State, gateway: Resource, name: str, wanted: Collection[int]) -> str | None:
    service = resolve(state, name, gateway.namespace)
    if service is None or service.namespace != gateway.namespace:
        return "AddressNotUsable"
    ports = {port.number: port for port in service_ports(service)}
    served = {number: bool(endpoints(state, port)) for number, port in ports.items()}
    if wanted and not any(served.values()):
        return "AddressNotAssigned"
    managed = KubernetesGateway.kept(gateway).is_deployed
    if any(not served.get(number) and not (managed and number in ports) for number in wanted):
        return "AddressNotUsable"
    kind = annotations_of(gateway).get(_TYPE, "LoadBalancer") if managed else Service.kept(service).type
    return None if wanted and kind == "LoadBalancer" else ""

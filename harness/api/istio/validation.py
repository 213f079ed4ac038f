"""What Istio's validating webhook refuses, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio import gateway_validation, registry_validation, virtual_service_validation
from harness.api.istio.security import validation as security_validation
from harness.api.refusal import Refused

if TYPE_CHECKING:
    from harness.base.resources import Resource

WEBHOOK = "validation.istio.io"

_FAULTS = {
    "ServiceEntry": registry_validation.service_entry,
    "WorkloadEntry": registry_validation.workload_entry,
    "Sidecar": registry_validation.sidecar,
    "DestinationRule": registry_validation.destination_rule,
    "VirtualService": virtual_service_validation.faults,
    "Gateway": gateway_validation.faults,
    "PeerAuthentication": security_validation.peer_authentication,
    "RequestAuthentication": security_validation.request_authentication,
    "AuthorizationPolicy": security_validation.authorization_policy,
}


def validate(resource: Resource) -> None:
    """Raises Refused with all that the webhook finds wrong with the object."""
    security_validation.check_schema(resource)
    registry_validation.refuse(resource)
    faults = _FAULTS.get(resource.kind)
    found = list(faults(resource)) if faults else []
    if found:
        raise Refused.by_webhook(resource, WEBHOOK, f"configuration is invalid: {_joined(found)}")


def _joined(faults: list[str]) -> str:
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} errors occurred:\n" + "".join(f"\t* {fault}\n" for fault in faults) + "\n"

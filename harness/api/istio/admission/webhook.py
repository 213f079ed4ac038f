"""What Istio's validating webhook refuses, in its words [istio/istio: pkg/config/validation]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.admission import (
    destination_rule,
    extensions,
    gateway,
    http_rules,
    registry,
    virtual_service,
)
from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.envoy_filter import EnvoyFilter
from harness.api.istio.extensions import ProxyConfig, TrafficExtension, WasmPlugin, WorkloadGroup
from harness.api.istio.gateway import IstioGateway
from harness.api.istio.mesh_config import Telemetry
from harness.api.istio.registry import ServiceEntry, Sidecar, WorkloadEntry
from harness.api.istio.security import definition
from harness.api.istio.security import validation as security_validation
from harness.api.istio.security.authentication import PeerAuthentication, RequestAuthentication
from harness.api.istio.security.authorization_policy import AuthorizationPolicy
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.metadata import annotations_of
from harness.api.refusal import Fault, Refused, about, faults
from harness.base.errors import not_modelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.registry import EgressListener, EntryEndpoint, IngressListener
    from harness.api.node import Spec
    from harness.base.resources import Resource

WEBHOOK = "validation.istio.io"

_OLD_TLS = ("TLSV1_0", "TLSV1_1")

_RULES = {
    **destination_rule.RULES,
    **registry.RULES,
    **virtual_service.RULES,
    **gateway.RULES,
    **security_validation.RULES,
    **extensions.RULES,
}
_DEFINITIONS = {
    **destination_rule.DEFINITION,
    **registry.DEFINITION,
    **virtual_service.DEFINITION,
    **gateway.DEFINITION,
    **definition.DEFINITION,
    **extensions.DEFINITION,
}
_READINGS: dict[str, type[Spec]] = {
    reading.__name__: reading
    for reading in (
        DestinationRule,
        ServiceEntry,
        WorkloadEntry,
        Sidecar,
        VirtualService,
        PeerAuthentication,
        RequestAuthentication,
        AuthorizationPolicy,
        Telemetry,
        WasmPlugin,
        TrafficExtension,
        ProxyConfig,
        WorkloadGroup,
        EnvoyFilter,
    )
} | {"Gateway": IstioGateway}
_OWN_MARKS = ("internal.istio.io/parents", "internal.istio.io/parent-namespace")
_DRY_RUN = "istio.io/dry-run"


def _refuse(resource: Resource) -> None:
    """Raises NotModelledError for what a cluster would take and the model doesn't decide on."""
    match resource.kind:
        case "VirtualService":
            for rule in VirtualService.of(resource).http:
                http_rules.refuse(rule)
        case "ServiceEntry":
            entry = ServiceEntry.of(resource)
            if entry.resolution == "DYNAMIC_DNS":
                why = "the proxy itself resolves the host that each request names"
                raise not_modelled(resource, entry.at("resolution"), why)
            for endpoint in entry.endpoints:
                _refuse_socket(endpoint)
        case "WorkloadEntry":
            _refuse_socket(WorkloadEntry.of(resource))
        case "Sidecar":
            _refuse_listeners(Sidecar.of(resource))
        case "Gateway":
            for server in IstioGateway.of(resource).servers:
                if server.tls.max_protocol_version in _OLD_TLS:
                    field = server.tls.at("maxProtocolVersion")
                    raise not_modelled(resource, field, "clients of today refuse such versions")


def _refuse_listeners(sidecar: Sidecar) -> None:
    listeners: tuple[EgressListener | IngressListener, ...] = (*sidecar.egress, *sidecar.ingress)
    for listener in listeners:
        if listener.bind.startswith("unix://"):
            why = "which clients use a socket isn't known"
            raise not_modelled(sidecar.resource, listener.at("bind"), why)
        if listener.port.protocol.lower() == "http_proxy":
            why = "clients send it what is for others"
            raise not_modelled(sidecar.resource, listener.port.at("protocol"), why)
    for inbound in sidecar.ingress:
        if inbound.capture_mode == "NONE":
            why = "where the application and its proxy both listen isn't known"
            raise not_modelled(sidecar.resource, inbound.at("captureMode"), why)
        if inbound.default_endpoint.startswith("unix://"):
            why = "what listens on a socket isn't known"
            raise not_modelled(sidecar.resource, inbound.at("defaultEndpoint"), why)


def _refuse_socket(endpoint: EntryEndpoint) -> None:
    if endpoint.address.startswith("unix://"):
        raise not_modelled(endpoint.resource, endpoint.at("address"), "a socket in the client's own pod")


def _marks(resource: Resource) -> Iterator[str]:
    """What is wrong with annotations; the webhook then looks at nothing else."""
    marks = annotations_of(resource)
    if _DRY_RUN in marks and resource.kind != "AuthorizationPolicy":
        words = f"{resource.namespace}/{resource.name} has unsupported annotation {_DRY_RUN}"
        yield Fault(f"{words}, please remove the annotation", f"metadata.annotations.{_DRY_RUN}")
    for mark in _OWN_MARKS:
        if mark in marks:
            words = f'"{mark}" annotation found, this may not be set by users'
            yield Fault(words, f"metadata.annotations.{mark}")


def validate(resource: Resource) -> None:
    """Raises Refused with what the API server's definition, or else the webhook, finds wrong with an object.

    Of the first one fault is told, of the other all. Raises NotModelledError for what the model doesn't
    decide on.
    """
    reading = _READINGS.get(resource.kind)
    if reading is None:
        return
    spec = reading.of(resource)
    for fault in faults(spec, _DEFINITIONS):
        raise Refused.invalid(resource, fault.path, fault)
    found = list(about("metadata", _marks(resource))) or list(faults(spec, _RULES))
    if found:
        words = f"configuration is invalid: {_joined(found)}"
        raise Refused.by_webhook(resource, WEBHOOK, words, found[0].path)
    _refuse(resource)


def _joined(faults: list[Fault]) -> str:
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} errors occurred:\n" + "".join(f"\t* {fault}\n" for fault in faults) + "\n"

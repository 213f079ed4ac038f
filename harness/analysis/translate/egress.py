"""What leaves the cluster: REGISTRY_ONLY and ServiceEntries, as EgressNetworks and routes on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.gateway_api import GROUP as GATEWAY_API
from harness.api.istio.mesh_config import MeshConfig
from harness.api.istio.registry import GROUP, REGISTRY_ONLY, ServiceEntry
from harness.api.schema.releases import version_read
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

API = "policy.linkerd.io/v1alpha1"
NAMESPACE, NETWORK = "linkerd-egress", "all-egress-traffic"
"""The namespace whose EgressNetworks are for all clients [Linkerd: egress.globalEgressNetworkNamespace]."""

_KINDS = {
    **dict.fromkeys(("HTTP", "HTTP2", "GRPC", "GRPC-WEB"), "HTTPRoute"),
    **dict.fromkeys(("HTTPS", "TLS"), "TLSRoute"),
}


def translate(draft: Draft) -> None:
    """Translates the policy for outside traffic, and the hosts that it registers."""
    settings = MeshConfig.of(draft.estate.mesh_config_map)
    settings.leave("outboundTrafficPolicy", "trustDomain")
    for field in settings.unread():
        draft.report("mesh-config", settings.resource, field)
    entries = draft.estate.all(GROUP, "ServiceEntry")
    config = draft.estate.mesh_config_map
    closed = draft.estate.mesh_config.outbound == REGISTRY_ONLY
    if closed and config is not None:
        if NAMESPACE not in draft.estate.namespaces:
            draft.add("v1", "Namespace", "", NAMESPACE, {}, (config,))
        network = {"trafficPolicy": "Deny"}
        draft.add(API, "EgressNetwork", NAMESPACE, NETWORK, network, (config, *entries))
        draft.report("egress-denied", config, "data.mesh")
    if not closed:
        for entry in entries:
            draft.report("egress-policy" if config else "egress-policy.assumed", entry, "spec")
    for entry in entries:
        _entry(draft, entry, closed=closed)


def _entry(draft: Draft, resource: Resource, *, closed: bool) -> None:
    entry = ServiceEntry.of(resource).required("hosts")
    if entry.is_internal:
        draft.report("external-workload.internal", entry, "location")
    if entry.resolution not in ("NONE", "DNS", "DNS_ROUND_ROBIN"):
        draft.report("resolution", entry, "resolution")
    hosts, addresses = entry.hosts, entry.addresses
    ports = [(port.number, port.protocol.upper(), port.name) for port in entry.ports]
    draft.finish(entry)
    if not closed or entry.is_internal:
        return
    for number, protocol, _ in ports:
        kind = _KINDS.get(protocol, "TCPRoute")
        if kind == "TCPRoute" and not addresses:
            draft.report("egress-port", entry, "ports", port=number)
        _route(draft, resource, kind, number, hosts, addresses)


def _route(
    draft: Draft,
    resource: Resource,
    kind: str,
    number: int | None,
    hosts: tuple[str, ...],
    addresses: tuple[str, ...],
) -> None:
    name, network = f"{resource.namespace}-{resource.name}", NETWORK
    if kind == "TCPRoute" and addresses:
        spec = {"trafficPolicy": "Deny", "networks": [{"cidr": _block(address)} for address in addresses]}
        network = draft.add(API, "EgressNetwork", NAMESPACE, name, spec, (resource,)).name
    target: dict[str, Any] = {"group": "policy.linkerd.io", "kind": "EgressNetwork", "name": network}
    target |= {"namespace": NAMESPACE} | ({"port": number} if number else {})
    names = {"hostnames": list(hosts)} if kind != "TCPRoute" else {}
    route = {"parentRefs": [target], **names, "rules": [{"backendRefs": [target]}]}
    if unread := draft.served.unread(Mesh.LINKERD, kind):
        draft.report("unserved.refused-egress", resource, kind=kind, why=unread)
        return
    api = f"{GATEWAY_API}/{version_read(Mesh.LINKERD, kind)}"
    draft.add(api, kind, NAMESPACE, f"{name}-{number}", route, (resource,))


def _block(address: str) -> str:
    return address if "/" in address else f"{address}/{128 if ':' in address else 32}"

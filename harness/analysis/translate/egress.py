"""What leaves the cluster: REGISTRY_ONLY and ServiceEntries, as EgressNetworks and routes on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.translate.finding import Severity
from harness.analysis.translate.route.connection_route import API as CONNECTION_API
from harness.analysis.translate.route.routes import GATEWAY_API
from harness.api.istio.mesh_config import MeshConfig
from harness.api.istio.registry import GROUP, REGISTRY_ONLY, ServiceEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

API = "policy.linkerd.io/v1alpha1"
NAMESPACE, NETWORK = "linkerd-egress", "all-egress-traffic"
"""The namespace whose EgressNetworks are for all clients [Linkerd: egress.globalEgressNetworkNamespace]."""

_KINDS = {
    "HTTP": "HTTPRoute",
    "HTTP2": "HTTPRoute",
    "GRPC": "HTTPRoute",
    "GRPC-WEB": "HTTPRoute",
    "HTTPS": "TLSRoute",
    "TLS": "TLSRoute",
}

Fields = dict[str, Any]


def translate(draft: Draft) -> None:
    """Translates the policy for outside traffic, and the hosts that it registers."""
    _report_settings(draft)
    entries = draft.estate.all(GROUP, "ServiceEntry")
    config = draft.estate.mesh_config_map
    closed = draft.estate.mesh_config.outbound == REGISTRY_ONLY
    if closed and config is not None:
        origins = (config, *entries)
        if NAMESPACE not in draft.estate.namespaces:
            draft.add("v1", "Namespace", "", NAMESPACE, {}, (config,))
        draft.add(API, "EgressNetwork", NAMESPACE, NETWORK, {"trafficPolicy": "Deny"}, origins)
        draft.report(
            Severity.CHANGED,
            "egress-denied",
            config,
            "data.mesh",
            "a request that leaves without leave gets 403 from Linkerd, where Istio answers 502",
            "change what watches for 502",
        )
    if not closed:
        assumed = "" if config else "Istio's MeshConfig isn't among the manifests, and is taken to say so: "
        for entry in entries:
            draft.report(
                Severity.CHECK,
                "egress-policy",
                entry,
                "spec",
                f"{assumed}all may leave the cluster (outboundTrafficPolicy ALLOW_ANY), and no object has to "
                "say that this host may be called",
                "" if config else "give the ConfigMap istio-system/istio, too, if it says REGISTRY_ONLY",
            )
    for entry in entries:
        _entry(draft, entry, closed=closed)


def _report_settings(draft: Draft) -> None:
    config = MeshConfig.of(draft.estate.mesh_config_map)
    config.leave("outboundTrafficPolicy", "trustDomain")
    why = "it is a setting of Istio's installation"
    todo = "see whether Linkerd's installation needs one like it"
    for field in config.unread():
        draft.report(Severity.CHECK, "mesh-config", config.resource, field, why, todo)


def _entry(draft: Draft, resource: Resource, *, closed: bool) -> None:
    entry = ServiceEntry.of(resource).required("hosts")
    if entry.is_internal:
        draft.report(
            Severity.LOST,
            "external-workload",
            resource,
            "spec.location",
            "Linkerd knows workloads of the mesh outside of the cluster by ExternalWorkloads",
            "make an ExternalWorkload, and a Service that selects it",
        )
    if entry.resolution not in ("NONE", "DNS", "DNS_ROUND_ROBIN"):
        draft.report(
            Severity.CHECK,
            "resolution",
            resource,
            "spec.resolution",
            "Linkerd's clients resolve names themselves",
            "check the name's DNS",
        )
    hosts, addresses = entry.hosts, entry.addresses
    ports = [(port.number, port.protocol.upper(), port.name) for port in entry.ports]
    draft.finish(entry)
    if not closed or entry.is_internal:
        return
    for number, protocol, _ in ports:
        kind = _KINDS.get(protocol, "TCPRoute")
        if kind == "TCPRoute" and not addresses:
            draft.report(
                Severity.CHANGED,
                "egress-port",
                resource,
                "spec.ports",
                f"connections without a name are told apart by port alone: all of port {number} is open",
                "give the addresses",
            )
        _route(draft, resource, kind, number, hosts, addresses)


def _route(
    draft: Draft,
    resource: Resource,
    kind: str,
    number: int | None,
    hosts: Iterable[str],
    addresses: Iterable[str],
) -> None:
    network = {"group": "policy.linkerd.io", "kind": "EgressNetwork", "name": NETWORK}
    addresses = tuple(addresses)
    if kind == "TCPRoute" and addresses:
        blocks = [one if "/" in one else f"{one}/{128 if ':' in one else 32}" for one in addresses]
        spec = {"trafficPolicy": "Deny", "networks": [{"cidr": block} for block in blocks]}
        made = draft.add(
            API, "EgressNetwork", NAMESPACE, f"{resource.namespace}-{resource.name}", spec, (resource,)
        )
        network["name"] = made.name
    parent = {**network, "namespace": NAMESPACE} | ({"port": number} if number else {})
    found: Fields = {"parentRefs": [parent]}
    if kind != "TCPRoute":
        found["hostnames"] = list(hosts)
    to_itself = {**network, "namespace": NAMESPACE} | ({"port": number} if number else {})
    found["rules"] = [{"backendRefs": [to_itself]}]
    api = GATEWAY_API if kind == "HTTPRoute" else CONNECTION_API
    draft.add(api, kind, NAMESPACE, f"{resource.namespace}-{resource.name}-{number}", found, (resource,))

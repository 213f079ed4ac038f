"""What Istio refuses of ServiceEntries, WorkloadEntries and Sidecars, in its words.

[istio/istio: pkg/config/validation; istio/api: networking/v1, the definitions' rules]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.admission import destination_rule, forms
from harness.api.istio.admission.exports import export_faults
from harness.api.istio.extensions import WorkloadTemplate
from harness.api.istio.registry import (
    ALLOW_ANY,
    EgressListener,
    EntryEndpoint,
    IngressListener,
    OutboundTrafficPolicy,
    ServiceEntry,
    ServiceEntryPort,
    Sidecar,
    SidecarPort,
    WorkloadEntry,
    WorkloadSelector,
)
from harness.api.refusal import OBJECT, Fault, about, at_most, each, no_longer
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.refusal import Rules

_WITH_HOSTS = frozenset(("http", "http2", "http_proxy", "grpc", "grpc-web", "https", "tls"))
_DYNAMIC = ("http", "tls", "grpc", "http2")


def _selector(selector: WorkloadSelector) -> Iterator[str]:
    for key, value in selector.labels.items():
        field = f"{selector.at('labels')}.{key}"
        if not key:
            yield Fault(f'empty key is not supported in selector: "{key}={value}"', field)
        if "*" in key or "*" in value:
            yield Fault(f'wildcard is not supported in selector: "{key}={value}"', field)


def _service_entry(entry: ServiceEntry) -> Iterator[str]:
    hosts, endpoints, resolution = entry.hosts, entry.endpoints, entry.resolution
    if resolution.startswith("DNS"):
        yield from _by_name(entry)
    if resolution == "DYNAMIC_DNS":
        yield from _dynamic(entry)
    for endpoint in endpoints if resolution in ("STATIC", "DNS", "DNS_ROUND_ROBIN") else ():
        yield from about(endpoint.path, _endpoint(endpoint, entry))
    protocols = {port.protocol.lower() for port in entry.ports}
    if resolution != "NONE" and len(hosts) > 1 and protocols - _WITH_HOSTS:
        yield Fault("multiple hosts provided with non-HTTP, non-TLS ports", entry.at("hosts"))
    yield from export_faults(entry, entry.export_to, nobody=True)


def _by_name(entry: ServiceEntry) -> Iterator[str]:
    wrong = [words for host in entry.hosts if (words := forms.domain(host))]
    if not entry.endpoints and wrong:
        yield Fault(
            "hosts must be FQDN or contain only prefix wildcards if no endpoints are provided for "
            f"resolution mode {entry.resolution}, {wrong[0]}",
            entry.at("hosts"),
        )


def _dynamic(entry: ServiceEntry) -> Iterator[str]:
    """For hosts that the proxy looks up itself, as each request names them."""
    for index, host in enumerate(entry.hosts):
        if not host.startswith("*"):
            words = "host must be wildcarded for resolution mode DYNAMIC_DNS"
            yield Fault(words, entry.entry("hosts", index))
    for key in ("addresses", "endpoints"):
        if entry.data.get(key):
            yield Fault(f"{key} cannot be set for resolution type DYNAMIC_DNS", entry.at(key))
    for port in entry.ports:
        if port.protocol.lower() not in _DYNAMIC:
            words = "only HTTP, TLS, GRPC, and HTTP2 protocols are supported for resolution type DYNAMIC_DNS"
            yield Fault(words, port.at("protocol"))


def _endpoint(endpoint: EntryEndpoint, entry: ServiceEntry | None) -> Iterator[str]:
    """`entry` is that whose endpoint it is; a WorkloadEntry is nobody's."""
    address, field = endpoint.address, endpoint.at("address")
    by_name = entry is not None and entry.resolution != "STATIC"
    if not address and not by_name:
        if not endpoint.has("network"):
            yield Fault("address is required", field)
            return
    elif address.startswith(forms.UNIX) and not by_name:
        if endpoint.ports:
            yield Fault(f"unix endpoint {address} must not include ports", endpoint.at("ports"))
        if entry is not None and len(entry.ports) != 1:
            yield Fault("exactly 1 service port required for unix endpoints", field)
    elif not is_address(address) and entry is not None and not by_name:
        yield Fault(f'endpoint address "{address}" is not a valid IP address', field)
    elif not is_address(address) and forms.domain(address):
        yield Fault(f'endpoint address "{address}" is not a valid FQDN or an IP address', field)
    names = None if entry is None else {port.name for port in entry.ports}
    for name, port in endpoint.ports.items():
        place = f"{endpoint.at('ports')}.{name}"
        if names is not None and name not in names:
            yield Fault(f"endpoint port {port} is not defined by the service entry", place)
    if words := forms.labels(endpoint.own_labels):
        yield Fault(words, endpoint.at("labels"))


def _sidecar(sidecar: Sidecar) -> Iterator[str]:
    if not any(sidecar.data.get(key) not in (None, []) for key in ("egress", "ingress")) and not (
        sidecar.has("outboundTrafficPolicy") or sidecar.has("inboundConnectionPool")
    ):
        yield "sidecar: empty configuration provided"
    for listener in sidecar.egress[:-1]:
        if not listener.has("port"):
            words = "sidecar: the egress listener with empty port should be the last listener in the list"
            yield Fault(words, listener.path)
    egress = [listener.port for listener in sidecar.egress if listener.has("port")]
    for ports in (egress, [listener.port for listener in sidecar.ingress]):
        numbers = [port.number for port in ports]
        for index, port in enumerate(ports):
            if port.number in numbers[:index]:
                yield Fault("sidecar: ports on IP bound listeners must be unique", port.at("number"))


def _port(port: SidecarPort) -> Iterator[str]:
    if not 1 <= port.number <= 65535:
        yield Fault(f"port number {port.number} must be in the range 1..65535", port.at("number"))
    if port.target_port:
        yield Fault("targetPort has no impact on Sidecars", port.at("targetPort"))


def _ingress(listener: IngressListener) -> Iterator[str]:
    text, field = listener.default_endpoint, listener.at("defaultEndpoint")
    host, colon, port = text.rpartition(":")
    if not text or text.startswith(forms.UNIX):
        return
    if not colon:
        yield Fault(f"address {text}: missing port in address", field)
    elif host not in ("", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"):
        ways = "127.0.0.1:<port>,0.0.0.0:<port>,[::1]:port,[::]:port,unix://filepath or unset"
        yield Fault(f"sidecar: defaultEndpoint must be of form {ways}", field)
    elif not port.isdigit():
        yield Fault(f"sidecar: defaultEndpoint port ({port}) is not a number", field)
    elif not 1 <= int(port) <= 65535:
        yield Fault(f"port number {port} must be in the range 1..65535", field)


def _bind(listener: EgressListener | IngressListener) -> Iterator[str]:
    if listener.bind and not listener.bind.startswith(forms.UNIX):
        yield from about(listener.at("bind"), filter(None, (forms.address(listener.bind),)))


def _policy(policy: OutboundTrafficPolicy) -> Iterator[str]:
    proxy = policy.egress_proxy
    if proxy is None:
        return
    if policy.mode != ALLOW_ANY:
        words = "sidecar: egress_proxy must be set only with ALLOW_ANY outbound_traffic_policy mode"
        yield Fault(words, policy.at("egressProxy"))
    elif not proxy.has("port"):
        yield Fault("sidecar: egress_proxy port must be non-nil", proxy.path)
    else:
        yield from about(proxy.at("host"), filter(None, (forms.destination_host(proxy.host),)))


def _egress(listener: EgressListener) -> Iterator[str]:
    if listener.has("port"):
        yield from _bind(listener)
    if not listener.hosts:
        yield Fault("sidecar: egress listener must contain at least one host", listener.at("hosts"))
    for index, host in enumerate(listener.hosts):
        yield from about(listener.entry("hosts", index), forms.scoped_host(host, gateway=False))


RULES: Rules = {
    **destination_rule.POOL,
    WorkloadSelector: (_selector,),
    ServiceEntry: (each(forms.wildcard_domain, "hosts"), each(forms.network, "addresses"), _service_entry),
    ServiceEntryPort: (each(forms.port_name, "name"), each(forms.protocol, "protocol")),
    WorkloadEntry: (lambda entry: _endpoint(entry, None),),
    Sidecar: (_sidecar,),
    EgressListener: (_egress,),
    IngressListener: (_ingress, _bind),
    OutboundTrafficPolicy: (_policy,),
    SidecarPort: (each(forms.port_name, "name"), each(forms.protocol, "protocol"), _port),
}
"""What the webhook asks of them."""


def _resolution(entry: ServiceEntry) -> Iterator[str]:
    resolution = entry.resolution
    if entry.has("workloadSelector") and entry.has("endpoints"):
        yield f"{OBJECT}only one of WorkloadSelector or Endpoints can be set"
    if resolution not in ("NONE", "STATIC") and any("/" in address for address in entry.addresses):
        yield f"{OBJECT}CIDR addresses are allowed only for NONE/STATIC resolution types"
    if resolution == "NONE" and entry.has("endpoints"):
        yield f"{OBJECT}NONE mode cannot set endpoints"
    if resolution == "DNS_ROUND_ROBIN" and len(entry.endpoints) > 1:
        yield f"{OBJECT}DNS_ROUND_ROBIN mode cannot have multiple endpoints"


def _hosts_and_ports(entry: ServiceEntry) -> Iterator[str]:
    if not entry.hosts:
        words = "Invalid value: 0: spec.hosts in body should have at least 1 items"
        yield Fault(words, entry.at("hosts"))
    names = [port.name for port in entry.ports]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Fault(f'Duplicate value: {{"name":"{name}"}}', entry.entry("ports", index))
    numbers = [port.number for port in entry.ports]
    if len(numbers) != len(set(numbers)):
        yield Fault('Invalid value: "array": port number cannot be duplicated', entry.at("ports"))


def _place(endpoint: EntryEndpoint) -> Iterator[str]:
    address = endpoint.address
    needed = not isinstance(endpoint, WorkloadTemplate)
    if needed and not endpoint.has("address") and not endpoint.has("network"):
        yield f"{OBJECT}Address is required"
    if address.startswith(forms.UNIX) and endpoint.has("ports"):
        yield f"{OBJECT}UDS may not include ports"
    if address.startswith(forms.UNIX) and forms.socket(address):
        words = "UDS may not be a dir"
        if address[7:8] not in ("/", "@"):
            words = "UDS must be an absolute path or abstract socket"
        yield Fault(f'Invalid value: "{address}": {words}', endpoint.at("address"))
    for name in endpoint.ports:
        if len(name) >= 63 or forms.port_name(name):
            yield Fault(f"{OBJECT}port name must be valid", endpoint.at("ports"))


def _labels(selector: WorkloadSelector) -> Iterator[str]:
    for key, value in selector.labels.items():
        field = f"{selector.at('labels')}.{key}"
        if len(value.encode()) > forms.LONGEST_LABEL:
            yield Fault(forms.TOO_LONG, field)
        if "*" in value:
            yield Fault(f'Invalid value: "{value}": wildcard is not supported in selector', field)


def _wildcard(host: str) -> str:
    return 'Invalid value: "*": hostname cannot be wildcard' if host == "*" else ""


DEFINITION: Rules = {
    ServiceEntry: (
        at_most(256, "hosts", "addresses", "ports"),
        _hosts_and_ports,
        _resolution,
        each(_wildcard, "hosts"),
    ),
    EntryEndpoint: (no_longer(256, "address"), no_longer(253, "serviceAccount"), _place),
    WorkloadSelector: (_labels,),
}
"""What the definitions of their kinds do."""

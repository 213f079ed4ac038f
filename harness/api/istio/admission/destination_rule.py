"""What Istio refuses of DestinationRules, and of the limits of connections, in its words.

[istio/istio: pkg/config/validation; istio/api: networking/v1, the definitions' rules]
"""

from __future__ import annotations

from math import isqrt
from typing import TYPE_CHECKING

from harness.api.istio.admission import forms, localities
from harness.api.istio.admission.exports import export_faults
from harness.api.istio.destination_rule import (
    CONFIG_MAP,
    ClientTLSSettings,
    ConnectionPool,
    ConsistentHash,
    CookieHash,
    DestinationRule,
    HTTPSettings,
    LoadBalancerSettings,
    Maglev,
    OutlierDetection,
    PortTrafficPolicy,
    RetryBudget,
    Subset,
    TCPSettings,
    TrafficPolicy,
    Tunnel,
    Warmup,
)
from harness.api.refusal import Fault, each, exclusive, within
from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.refusal import Check, Rules

_LEVEL = ("outlierDetection", "connectionPool", "loadBalancer", "tls")
_POLICY = (*_LEVEL, "portLevelSettings", "tunnel", "proxyProtocol", "retryBudget")
_FILES = ("clientCertificate", "caCertificates", "privateKey", "caCrl")
_LARGEST_TABLE = 5000011


def _rule(rule: DestinationRule) -> Iterator[str]:
    names = [subset.name for subset in rule.subsets]
    for index, subset in enumerate(rule.subsets):
        if subset.name and subset.name in names[:index]:
            yield Fault(f"duplicate subset names: {subset.name}", subset.at("name"))
    yield from export_faults(rule, rule.export_to)
    own = {rule.resource.namespace if name == "." else name for name in rule.export_to}
    if rule.workload_selector is not None and own - {rule.resource.namespace}:
        words = "cannot have exportTo beyond current namespace"
        if rule.resource.namespace in own:
            words = "cannot have multiple entries in exportTo"
        yield Fault(f"destination rule with workload selector {words}", rule.at("exportTo"))


def _traffic_policy(policy: TrafficPolicy) -> Iterator[str]:
    if policy.path and not any(policy.data.get(key) not in (None, []) for key in _POLICY):
        yield "traffic policy must have at least one field"
    if policy.has("tunnel") and policy.has("proxyProtocol"):
        yield Fault("tunnel and proxyProtocol must not be set together", policy.at("proxyProtocol"))


def _port_policy(policy: PortTrafficPolicy) -> Iterator[str]:
    if not policy.has("port"):
        yield "portTrafficPolicy must have valid port"
    if not any(map(policy.has, _LEVEL)):
        yield "port traffic policy must have at least one field"


def _pool(pool: ConnectionPool) -> Iterator[str]:
    if not pool.has("http") and not pool.has("tcp"):
        yield "connection pool must have at least one field"


def _http(settings: HTTPSettings) -> Iterator[str]:
    if settings.h2_upgrade_policy == "UPGRADE" and settings.uses_client_protocol:
        words = "use client protocol must not be true when H2UpgradePolicy is UPGRADE"
        yield Fault(words, settings.at("useClientProtocol"))
    if settings.has("http2KeepAlive"):
        for key in ("interval", "timeout"):
            if not settings.keep_alive.has(key):
                yield Fault(f"http2 keepalive {key} is required", settings.keep_alive.path)
        yield from each(forms.limit, "interval", "timeout")(settings.keep_alive)


def _tcp(settings: TCPSettings) -> Iterator[str]:
    yield from each(forms.limit, "time", "interval")(settings.keep_alive)


def _outliers(outliers: OutlierDetection) -> Iterator[str]:
    if outliers.local_origin_failures and not outliers.splits_local_errors:
        yield Fault(
            "outlier detection consecutive local origin failures is specified, but split external local "
            "origin errors is set to false",
            outliers.at("consecutiveLocalOriginFailures"),
        )


def _not_negative(what: str) -> Check:
    return lambda number: f"{what} must be non-negative" if number < 0 else ""


def _cookie(cookie: CookieHash) -> Iterator[str]:
    if not cookie.name:
        yield Fault("name required for HttpCookie", cookie.at("name"))
    names = [attribute.name for attribute in cookie.attributes]
    for index, attribute in enumerate(cookie.attributes):
        if not attribute.name:
            yield Fault("cookie attribute name cannot be empty", attribute.at("name"))
        elif attribute.name in names[:index]:
            yield Fault(f"duplicate cookie attribute name: {attribute.name}", attribute.at("name"))


def _hash(setting: ConsistentHash) -> Iterator[str]:
    if setting.minimum_ring_size and (setting.has("maglev") or setting.has("ringHash")):
        words = "only one of MinimumRingSize or Maglev/Ringhash can be specified"
        yield Fault(words, setting.at("minimumRingSize"))


def _maglev(maglev: Maglev) -> Iterator[str]:
    size, field = maglev.table_size, maglev.at("tableSize")
    if size == 0:
        yield Fault("tableSize must be set for maglev", field)
    if size >= _LARGEST_TABLE:
        yield Fault(f"tableSize must be less than {_LARGEST_TABLE} for maglev", field)
    if size == 0 or any(size % factor == 0 for factor in (2, *range(3, isqrt(size) + 1, 2)) if size > 3):
        yield Fault("tableSize must be a prime number for maglev", field)


def _balancer(setting: LoadBalancerSettings) -> Iterator[str]:
    if setting.has("localityLbSetting") and setting.has("zoneAwareLbSetting"):
        words = "only one of localityLbSetting and zoneAwareLbSetting can be set"
        yield Fault(words, setting.at("zoneAwareLbSetting"))


def _warmup(warmup: Warmup) -> Iterator[str]:
    if warmup.aggression is not None and warmup.aggression <= 0:
        yield Fault("aggression should be greater than 0", warmup.at("aggression"))


def _tunnel(tunnel: Tunnel) -> Iterator[str]:
    host = tunnel.target_host
    if tunnel.protocol not in ("", "CONNECT", "POST"):
        yield Fault('tunnel protocol must be "CONNECT" or "POST"', tunnel.at("protocol"))
    if not is_address(host) and (words := forms.domain(host)):
        yield Fault(f"tunnel target host must be valid FQDN or IP address: {words}", tunnel.at("targetHost"))
    if words := forms.port(tunnel.target_port):
        yield Fault(f"tunnel target port is invalid: {words}", tunnel.at("targetPort"))


def _tls(tls: ClientTLSSettings) -> Iterator[str]:
    authority = tls.ca_certificates or (tls.mode == "SIMPLE" and tls.credential_name)
    if tls.skips_verification and tls.mode in ("SIMPLE", "MUTUAL") and (authority or tls.subject_alt_names):
        fields = "CaCertificates or CredentialName" if tls.mode == "SIMPLE" else "CaCertificates"
        words = f"cannot specify {fields} or SubjectAltNames when InsecureSkipVerify is set true"
        yield Fault(words, tls.at("insecureSkipVerify"))
    if tls.credential_name.startswith(CONFIG_MAP):
        yield from _config_map(tls)
    if tls.credential_name and tls.mode in ("SIMPLE", "MUTUAL"):
        if any(map(tls.data.get, _FILES)):
            words = "cannot specify client certificates or CA certificate or CA CRL If credentialName is set"
            yield Fault(words, tls.at("credentialName"))
    elif tls.mode == "MUTUAL":
        if not tls.client_certificate:
            yield Fault("client certificate required for mutual tls", tls.path)
        if not tls.private_key:
            yield Fault("private key required for mutual tls", tls.path)


def _config_map(tls: ClientTLSSettings) -> Iterator[str]:
    namespace, slash, name = tls.credential_name.removeprefix(CONFIG_MAP).partition("/")
    if not (slash and namespace and name):
        words = f"invalid {CONFIG_MAP} credentialName: {tls.credential_name}"
        yield Fault(words, tls.at("credentialName"))
    elif namespace != tls.resource.namespace:
        words = f'namespace must match the configuration namespace "{tls.resource.namespace}"'
        yield Fault(f"invalid {CONFIG_MAP} credentialName: {words}", tls.at("credentialName"))


POOL: Rules = {
    ConnectionPool: (_pool,),
    HTTPSettings: (
        each(_not_negative("http1 max pending requests"), "http1MaxPendingRequests"),
        each(_not_negative("http2 max requests"), "http2MaxRequests"),
        each(_not_negative("max requests per connection"), "maxRequestsPerConnection"),
        each(_not_negative("max retries"), "maxRetries"),
        each(_not_negative("max concurrent streams"), "maxConcurrentStreams"),
        each(forms.limit, "idleTimeout"),
        _http,
    ),
    TCPSettings: (
        each(_not_negative("max connections"), "maxConnections"),
        each(forms.limit, "connectTimeout", "maxConnectionDuration"),
        each(forms.limit_if_any, "idleTimeout"),
        _tcp,
    ),
}
"""What is asked of limits of connections, wherever they stand."""

RULES: Rules = {
    **POOL,
    **localities.RULES,
    DestinationRule: (each(forms.wildcard_domain, "host"), _rule),
    Subset: (each(forms.subset, "name"), each(forms.labels, "labels")),
    TrafficPolicy: (_traffic_policy,),
    PortTrafficPolicy: (_port_policy,),
    OutlierDetection: (
        each(forms.limit, "baseEjectionTime", "interval"),
        each(forms.percent, "maxEjectionPercent", "minHealthPercent"),
        _outliers,
    ),
    LoadBalancerSettings: (_balancer,),
    ConsistentHash: (_hash,),
    CookieHash: (_cookie,),
    Maglev: (_maglev,),
    Tunnel: (_tunnel,),
    Warmup: (each(forms.limit, "duration"), _warmup),
    ClientTLSSettings: (_tls,),
}
"""What the webhook asks of a DestinationRule."""

DEFINITION: Rules = {
    LoadBalancerSettings: (exclusive("simple", "consistentHash", "backendUtilization"),),
    Warmup: (within(0, 100, "minimumPercent"),),
    RetryBudget: (within(0, 100, "percent"),),
    ConsistentHash: (
        exclusive("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName"),
        exclusive("ringHash", "maglev"),
    ),
}
"""What the definition of its kind does."""

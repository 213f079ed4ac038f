"""DestinationRule: subsets of a host's endpoints, and traffic policies [Istio: networking/v1]."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from harness.api import field
from harness.api.istio.destination import PortSelector
from harness.api.istio.hosts import full_host
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIND = ("networking.istio.io", "DestinationRule")


class KeepAlive(Node):
    """How often an idle connection is tried."""

    interval = field.text("interval")
    timeout = field.text("timeout")


class TCPSettings(Node):
    """How connections are made."""

    connect_timeout = field.duration("connectTimeout")
    keep_alive = field.node("tcpKeepalive", KeepAlive)


class HTTPSettings(Node):
    """How requests go over connections."""

    h2_upgrade_policy = field.text("h2UpgradePolicy")
    uses_client_protocol = field.boolean("useClientProtocol")
    keep_alive = field.node("http2KeepAlive", KeepAlive)


class ConnectionPool(Node):
    """Limits of connections and requests."""

    tcp = field.node("tcp", TCPSettings)
    http = field.node("http", HTTPSettings)


class Distribution(Node):
    """Which shares of what one zone sends go where."""

    source = field.text("from")
    shares = field.integers_by_name("to")


class Failover(Node):
    """Which region takes what another one can't."""

    source = field.text("from")
    target = field.text("to")


class LocalityLoadBalancer(Node):
    """Whether zones count."""

    enabled = field.boolean("enabled", default=True)
    distribute = field.nodes("distribute", Distribution)
    failover = field.nodes("failover", Failover)
    failover_priority = field.texts("failoverPriority")


class Maglev(Node):
    """A table of endpoints by hashes."""

    table_size = field.count("tableSize")


class CookieAttribute(Node):
    """An attribute of a cookie that the proxy sets."""

    name = field.text("name")
    value = field.text("value")


class CookieHash(Node):
    """The cookie that requests are kept together by."""

    name = field.text("name")
    url_path = field.text("path")
    attributes = field.nodes("attributes", CookieAttribute)
    ttl = field.duration("ttl")

    @property
    def is_set(self) -> bool:
        """Whether proxies set it where a request has none: with a ttl, also of no time (a session's)."""
        return self.has("ttl")


class ConsistentHash(Node):
    """By what equal requests are kept on one endpoint."""

    header = field.text("httpHeaderName")
    cookie = field.node("httpCookie", CookieHash)
    parameter = field.text("httpQueryParameterName")
    source = field.boolean("useSourceIp")
    maglev = field.node("maglev", Maglev)
    minimum_ring_size = field.count("minimumRingSize")

    @property
    def subject(self) -> str:
        """What of a request is hashed, in words."""
        named = (("header", self.header), ("cookie", self.cookie.name), ("parameter", self.parameter))
        return next((f"{what} {name}" for what, name in named if name), "the client's address")


class Warmup(Node):
    """How long a new endpoint gets less."""

    aggression = field.number("aggression")


class ZoneAwareLoadBalancer(Node):
    """How much of a zone's requests stays there."""

    enabled = field.boolean("enabled", default=True)
    failover = field.nodes("failover", Failover)
    failover_priority = field.texts("failoverPriority")


class LoadBalancerSettings(Node):
    """How requests are shared among endpoints."""

    simple = field.nonempty("simple", "UNSPECIFIED")
    consistent_hash = field.node("consistentHash", ConsistentHash)
    locality = field.node("localityLbSetting", LocalityLoadBalancer)
    zones = field.node("zoneAwareLbSetting", ZoneAwareLoadBalancer)
    utilization = field.optional_node("backendUtilization", Node)
    warmup = field.node("warmup", Warmup)
    warmup_duration = field.text("warmupDurationSecs")


class OutlierDetection(Node):
    """When an endpoint is left out for a time."""

    splits_local_errors = field.boolean("splitExternalLocalOriginErrors")
    local_origin_failures = field.count("consecutiveLocalOriginFailures")
    server_errors = field.integer("consecutive5xxErrors")
    gateway_errors = field.integer("consecutiveGatewayErrors")
    errors = field.integer("consecutiveErrors")
    base_ejection_time = field.duration("baseEjectionTime")
    error_codes = field.integers("outlierDetectionHttpErrorCodes")
    max_ejection_percent = field.count("maxEjectionPercent")


CONFIG_MAP = "configmap://"
"""How a `credentialName` begins that names a ConfigMap, with its namespace."""


class ClientTLSSettings(Node):
    """Which TLS clients begin."""

    mode = field.nonempty("mode", "DISABLE")
    sni = field.text("sni")
    subject_alt_names = field.texts("subjectAltNames")
    client_certificate = field.text("clientCertificate")
    private_key = field.text("privateKey")
    ca_certificates = field.text("caCertificates")
    credential_name = field.text("credentialName")
    skips_verification = field.boolean("insecureSkipVerify")


class LevelPolicy(Node):
    """What a traffic policy says for one port, or for all."""

    connection_pool = field.optional_node("connectionPool", ConnectionPool)
    load_balancer = field.optional_node("loadBalancer", LoadBalancerSettings)
    outlier_detection = field.optional_node("outlierDetection", OutlierDetection)
    tls = field.optional_node("tls", ClientTLSSettings)


class PortTrafficPolicy(LevelPolicy):
    """What takes the place of a whole traffic policy for a port."""

    port = field.optional_node("port", PortSelector)


class Tunnel(Node):
    """What a proxy behind a host is asked to connect to."""

    protocol = field.text("protocol")
    target_host = field.text("targetHost")
    target_port = field.count("targetPort")


class RetryBudget(Node):
    """Which share of the requests may be sent again."""

    percent = field.number("percent")


class TrafficPolicy(LevelPolicy):
    """How clients' proxies treat a host's endpoints."""

    ports = field.nodes("portLevelSettings", PortTrafficPolicy)
    retry_budget = field.optional_node("retryBudget", RetryBudget)
    tunnel = field.optional_node("tunnel", Tunnel)
    proxy_protocol = field.optional_node("proxyProtocol", Node)

    def at_port(self, number: int) -> PortTrafficPolicy | None:
        """Returns what is said for this port alone, if anything is."""
        return next((part for part in self.ports if part.port and part.port.number == number), None)


class Subset(Node):
    """Those of a host's endpoints that have some labels."""

    name = field.text("name")
    labels = field.labels("labels")
    traffic_policy = field.node("trafficPolicy", TrafficPolicy)


class DestinationRule(Spec):
    """What clients' proxies do towards a host."""

    host = field.text("host")
    traffic_policy = field.node("trafficPolicy", TrafficPolicy)
    subsets = field.nodes("subsets", Subset)
    export_to = field.texts("exportTo")
    workload_selector = field.optional_node("workloadSelector", LabelSelector)

    @cached_property
    def full_host(self) -> str:
        return full_host(self.host, self.resource.namespace)

    @property
    def selector(self) -> Mapping[str, str] | None:
        """The labels of the clients that it is for; None: for all."""
        return self.workload_selector.match_labels if self.workload_selector is not None else None

    @property
    def policies(self) -> Iterator[TrafficPolicy | PortTrafficPolicy]:
        """All of its traffic policies, those for single ports too."""
        for policy in (self.traffic_policy, *(subset.traffic_policy for subset in self.subsets)):
            yield policy
            yield from policy.ports

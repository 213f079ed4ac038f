"""DestinationRule: subsets of a host's endpoints, and traffic policies [Istio: networking/v1]."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from harness.api.field import (
    boolean,
    count,
    duration,
    integer,
    integers,
    labels,
    node,
    nodes,
    nonempty,
    optional_node,
    text,
    texts,
)
from harness.api.istio.destination import PortSelector
from harness.api.istio.hosts import full_host
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KIND = ("networking.istio.io", "DestinationRule")


class TCPSettings(Node):
    """How connections are made."""

    connect_timeout = duration("connectTimeout")


class HTTPSettings(Node):
    """How requests go over connections."""

    h2_upgrade_policy = text("h2UpgradePolicy")


class ConnectionPool(Node):
    """Limits of connections and requests."""

    tcp = node("tcp", TCPSettings)
    http = node("http", HTTPSettings)


class LocalityLoadBalancer(Node):
    """Whether zones count."""

    enabled = boolean("enabled", default=True)


class LoadBalancerSettings(Node):
    """How requests are shared among endpoints."""

    simple = nonempty("simple", "UNSPECIFIED")
    consistent_hash = node("consistentHash", Node)
    locality = node("localityLbSetting", LocalityLoadBalancer)
    warmup = node("warmup", Node)
    warmup_duration = text("warmupDurationSecs")


class OutlierDetection(Node):
    """When an endpoint is left out for a time."""

    splits_local_errors = boolean("splitExternalLocalOriginErrors")
    local_origin_failures = count("consecutiveLocalOriginFailures")
    server_errors = integer("consecutive5xxErrors")
    gateway_errors = integer("consecutiveGatewayErrors")
    errors = integer("consecutiveErrors")
    base_ejection_time = duration("baseEjectionTime")
    error_codes = integers("outlierDetectionHttpErrorCodes")


class ClientTLSSettings(Node):
    """Which TLS clients begin."""

    mode = nonempty("mode", "DISABLE")
    sni = text("sni")
    client_certificate = text("clientCertificate")
    private_key = text("privateKey")
    credential_name = text("credentialName")


class LevelPolicy(Node):
    """What a traffic policy says for one port, or for all."""

    connection_pool = optional_node("connectionPool", ConnectionPool)
    load_balancer = optional_node("loadBalancer", LoadBalancerSettings)
    outlier_detection = optional_node("outlierDetection", OutlierDetection)
    tls = optional_node("tls", ClientTLSSettings)


class PortTrafficPolicy(LevelPolicy):
    """What takes the place of a whole traffic policy for a port."""

    port = optional_node("port", PortSelector)


class TrafficPolicy(LevelPolicy):
    """How clients' proxies treat a host's endpoints."""

    ports = nodes("portLevelSettings", PortTrafficPolicy)
    retry_budget = optional_node("retryBudget", Node)

    def at_port(self, number: int) -> PortTrafficPolicy | None:
        """Returns what is said for this port alone, if anything is."""
        return next((part for part in self.ports if part.port and part.port.number == number), None)


class Subset(Node):
    """Those of a host's endpoints that have some labels."""

    name = text("name")
    labels = labels("labels")
    traffic_policy = node("trafficPolicy", TrafficPolicy)


class DestinationRule(Spec):
    """What clients' proxies do towards a host."""

    host = text("host")
    traffic_policy = node("trafficPolicy", TrafficPolicy)
    subsets = nodes("subsets", Subset)
    export_to = texts("exportTo")
    workload_selector = optional_node("workloadSelector", LabelSelector)

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

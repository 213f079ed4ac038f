"""MeshConfig: what holds for a whole installation of Istio [Istio: mesh/v1alpha1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import yaml

from harness.api import field
from harness.api.istio.destination_rule import LocalityLoadBalancer, ZoneAwareLoadBalancer
from harness.api.istio.registry import ALLOW_ANY, OutboundTrafficPolicy
from harness.api.istio.security.authentication import PolicySpec
from harness.api.kubernetes.config_map import ConfigMap
from harness.api.node import Node, Spec
from harness.base.resources import Resource
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.manifests.documents import plain

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = ("", "ConfigMap", ROOT_NAMESPACE, "istio")
"""The ConfigMap whose entry `mesh` istiod of revision `default` reads."""

_EVERYBODY = ("*",)


class HTTPAuthorizer(Node):
    """An external authorizer that is asked by HTTP [Istio: EnvoyExternalAuthorizationHttpProvider]."""

    service = field.text("service")
    port = field.integer_or_text("port")
    timeout = field.duration("timeout")
    path_prefix = field.text("pathPrefix")
    fail_open = field.boolean("failOpen")
    status_on_error = field.integer_or_text("statusOnError")
    request_headers = field.texts("includeRequestHeadersInCheck")
    additional_headers = field.labels("includeAdditionalHeadersInCheck")
    headers_on_allow = field.texts("headersToUpstreamOnAllow")
    headers_on_deny = field.texts("headersToDownstreamOnDeny")


class GRPCAuthorizer(Node):
    """An external authorizer that is asked by gRPC [Istio: EnvoyExternalAuthorizationGrpcProvider]."""

    service = field.text("service")
    port = field.integer_or_text("port")
    timeout = field.duration("timeout")
    fail_open = field.boolean("failOpen")
    status_on_error = field.integer_or_text("statusOnError")


class MeshProvider(Node):
    """What policies and telemetry may name [Istio: MeshConfig.ExtensionProvider]."""

    name = field.text("name")
    http_authorizer = field.optional_node("envoyExtAuthzHttp", HTTPAuthorizer)
    grpc_authorizer = field.optional_node("envoyExtAuthzGrpc", GRPCAuthorizer)
    lightstep = field.optional_node("lightstep", Node)


class DefaultProviders(Node):
    """The providers of each namespace."""

    metrics = field.texts("metrics")
    access_logging = field.texts("accessLogging")


class PathNormalization(Node):
    """How far paths are brought into one form."""

    normalization = field.nonempty("normalization", "BASE")


class GatewayTopology(Node):
    """What stands before gateways."""

    trusted_proxies = field.integer_or_text("numTrustedProxies")
    forward_client_cert = field.nonempty("forwardClientCertDetails", "SANITIZE_SET")


class ProxyStatsMatcher(Node):
    """Which of Envoy's own counters proxies show."""

    inclusion_suffixes = field.texts("inclusionSuffixes")


class ProxyConfig(Node):
    """What each proxy does by default."""

    settled: ClassVar[frozenset[str]] = frozenset(("discoveryAddress", "ISTIO_META_DNS_CAPTURE"))
    """Settings that are known for all proxies together, and not for single ones."""

    gateway_topology = field.node("gatewayTopology", GatewayTopology)
    stats_matcher = field.node("proxyStatsMatcher", ProxyStatsMatcher)
    metadata = field.labels("proxyMetadata")
    interception_mode = field.nonempty("interceptionMode", "REDIRECT")


PROXY = "proxy.istio.io/config"
"""A pod's annotation: what its proxy does otherwise than MeshConfig's `defaultConfig` says, as YAML."""

DNS_CAPTURE = "ISTIO_META_DNS_CAPTURE"


class PodProxyConfig(ProxyConfig):
    """What a pod's annotation says of its proxy."""

    settled = frozenset()

    @classmethod
    def written(cls, pod: Resource, text: str) -> Self:
        """Returns what an annotation says; nothing, if it is no mapping in YAML: the injector refuses it."""
        try:
            data = plain(text)
        except yaml.YAMLError:
            data = None
        return cls(pod, f"annotation {PROXY}", data if isinstance(data, dict) else None)

    def at(self, key: str) -> str:
        """Returns the path of a setting: the annotation, and its path in there."""
        return f"{self.path} {key}"


# Threads, probes, logs, statistics, traces, certificates of others, how a proxy starts and ends.
_PROXY_WITHOUT_EFFECT = frozenset(
    "availabilityZone binaryPath caCertificatesPem concurrency configPath controlPlaneAuthPolicy "
    "drainDuration envoyAccessLogService envoyMetricsService envoyMetricsServiceAddress extraStatTags "
    "fileFlushInterval fileFlushMinSizeKb holdApplicationUntilProxyStarts image meshId "
    "parentShutdownDuration proxyAdminPort readinessProbe sds serviceCluster statNameLength "
    "statsCompression statsdUdpAddress statusPort terminationDrainDuration tracing tracingServiceName "
    "zipkinAddress".split()
)
_METADATA = "ISTIO_META_"
_METADATA_WITHOUT_EFFECT = frozenset(
    f"{_METADATA}{name}"
    for name in (
        "APP_CONTAINERS CLUSTER_ID DNS_AUTO_ALLOCATE MESH_ID OWNER POD_PORTS UNPRIVILEGED_POD WORKLOAD_NAME"
    ).split()
)
"""Variables by which a proxy tells istiod of itself; others of this kind change what it is told to do."""


def unsettled(proxy: ProxyConfig) -> Iterator[tuple[str, str]]:
    """Yields the fields of what proxies do that the model doesn't decide on, each with why."""
    for key in proxy.undeclared():
        if key not in _PROXY_WITHOUT_EFFECT | proxy.settled:
            yield proxy.at(key), "it changes what a proxy does"
    if proxy.interception_mode != "REDIRECT":
        yield proxy.at("interceptionMode"), "the proxy takes connections in another way"
    for key in proxy.gateway_topology.undeclared():
        yield proxy.gateway_topology.at(key), "it changes connections"
    for key in proxy.metadata:
        if key.startswith(_METADATA) and key not in _METADATA_WITHOUT_EFFECT | proxy.settled:
            yield f"{proxy.at('proxyMetadata')}.{key}", "it changes what a proxy is told to do"


class MeshConfig(Node):
    """The settings of an installation that anybody asks for."""

    outbound_traffic_policy = field.node("outboundTrafficPolicy", OutboundTrafficPolicy)
    root_namespace = field.nonempty("rootNamespace", ROOT_NAMESPACE)
    trust_domain = field.nonempty("trustDomain", "cluster.local")
    trust_domain_aliases = field.texts("trustDomainAliases")
    auto_mtls = field.boolean("enableAutoMtls", default=True)
    service_export_to = field.texts("defaultServiceExportTo", _EVERYBODY)
    virtual_service_export_to = field.texts("defaultVirtualServiceExportTo", _EVERYBODY)
    destination_rule_export_to = field.texts("defaultDestinationRuleExportTo", _EVERYBODY)
    extension_providers = field.nodes("extensionProviders", MeshProvider)
    default_providers = field.node("defaultProviders", DefaultProviders)
    locality = field.node("localityLbSetting", LocalityLoadBalancer)
    zones = field.node("zoneAwareLbSetting", ZoneAwareLoadBalancer)
    ingress_class = field.text("ingressClass", "istio")
    ingress_controller_mode = field.text("ingressControllerMode", "STRICT")
    ingress_service = field.text("ingressService", "istio-ingressgateway")
    ingress_selector = field.text("ingressSelector")
    path_normalization = field.node("pathNormalization", PathNormalization)
    proxy = field.node("defaultConfig", ProxyConfig)

    @classmethod
    def of(cls, config_map: Resource | None) -> Self:
        """Returns a fresh reading; without a ConfigMap, of the defaults. InputError if it isn't YAML."""
        if config_map is None:
            config_map = Resource("v1", *KEY[1:], {})
        return cls(config_map, "data.mesh", ConfigMap.of(config_map).settings("mesh"))

    def at(self, key: str) -> str:
        """Returns the path of a setting: where the ConfigMap has it, and its path in there."""
        return f"{self.path} {key}"

    @property
    def trust_domains(self) -> tuple[str, ...]:
        """Its own trust domain, and its aliases."""
        return (self.trust_domain, *self.trust_domain_aliases)

    @property
    def outbound(self) -> str:
        """What becomes of requests for hosts that a proxy doesn't know."""
        return self.outbound_traffic_policy.mode or ALLOW_ANY


class TelemetryProvider(Node):
    """A provider, by the name that MeshConfig gives it."""

    name = field.text("name")


class LogFilter(Node):
    """Which requests are logged."""

    expression = field.text("expression")


class AccessLogging(Node):
    """Which provider logs requests."""

    filter = field.node("filter", LogFilter)
    disabled = field.boolean("disabled")
    providers = field.nodes("providers", TelemetryProvider)


class Tracing(Node):
    """Which provider gets traces."""

    providers = field.nodes("providers", TelemetryProvider)


class TagOverride(Node):
    """What becomes of a label of a metric."""

    operation = field.nonempty("operation", "UPSERT")
    value = field.text("value")


class MetricsOverride(Node):
    """What becomes of some metrics."""

    match = field.node("match", Node)
    tags = field.named("tagOverrides", TagOverride)


class Metrics(Node):
    """What is measured, and how."""

    overrides = field.nodes("overrides", MetricsOverride)


class Telemetry(PolicySpec):
    """What proxies measure, log and trace [Istio: telemetry/v1, Telemetry]."""

    KIND: ClassVar = ("telemetry.istio.io", "Telemetry")

    metrics = field.nodes("metrics", Metrics)
    access_logging = field.nodes("accessLogging", AccessLogging)
    tracing = field.nodes("tracing", Tracing)


INSTALLATIONS = (
    ("install.istio.io", "IstioOperator"),
    *(("sailoperator.io", kind) for kind in ("Istio", "IstioCNI", "ZTunnel")),
)
"""The kinds that say how to install Istio."""


class Installation(Spec):
    """What an installation is asked for: an IstioOperator's spec, or that of one of Sail's kinds."""

    @property
    def settings(self) -> Iterator[tuple[str, str, object]]:
        """Yields each field, its name among Helm's values (empty: it holds such), and what is in it."""
        for key, value in self.data.items():
            if key in ("values", "unvalidatedValues"):
                yield key, "", value
            elif self.resource.kind == "IstioOperator" or key == "profile":
                yield key, key, value


def is_mesh_config(resource: Resource) -> bool:
    """Returns whether an object is a ConfigMap from which a revision of istiod reads its MeshConfig."""
    return (
        (resource.group, resource.kind, resource.namespace) == KEY[:3]
        and (resource.name == KEY[3] or resource.name.startswith(f"{KEY[3]}-"))
        and "mesh" in ConfigMap.of(resource).texts
    )

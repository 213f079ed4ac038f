"""MeshConfig: what holds for a whole installation of Istio [Istio: mesh/v1alpha1]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from harness.api.field import (
    boolean,
    duration,
    integer_or_text,
    labels,
    node,
    nodes,
    nonempty,
    optional_node,
    text,
    texts,
)
from harness.api.istio.registry import ALLOW_ANY, OutboundTrafficPolicy
from harness.api.kubernetes.config_map import ConfigMap
from harness.api.node import Node, Spec
from harness.base.resources import Resource
from harness.base.vocabulary import ROOT_NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = ("", "ConfigMap", ROOT_NAMESPACE, "istio")
"""The ConfigMap whose entry `mesh` istiod of revision `default` reads."""

_EVERYBODY = ("*",)


class HTTPAuthorizer(Node):
    """An external authorizer that is asked by HTTP [Istio: EnvoyExternalAuthorizationHttpProvider]."""

    service = text("service")
    port = integer_or_text("port")
    timeout = duration("timeout")
    path_prefix = text("pathPrefix")
    fail_open = boolean("failOpen")
    status_on_error = integer_or_text("statusOnError")
    request_headers = texts("includeRequestHeadersInCheck")
    additional_headers = labels("includeAdditionalHeadersInCheck")
    headers_on_allow = texts("headersToUpstreamOnAllow")
    headers_on_deny = texts("headersToDownstreamOnDeny")


class MeshProvider(Node):
    """What policies and telemetry may name [Istio: MeshConfig.ExtensionProvider]."""

    name = text("name")
    http_authorizer = optional_node("envoyExtAuthzHttp", HTTPAuthorizer)


class DefaultProviders(Node):
    """The providers of each namespace."""

    metrics = texts("metrics")


class PathNormalization(Node):
    """How far paths are brought into one form."""

    normalization = nonempty("normalization", "BASE")


class GatewayTopology(Node):
    """What stands before gateways."""

    trusted_proxies = integer_or_text("numTrustedProxies")
    forward_client_cert = nonempty("forwardClientCertDetails", "SANITIZE_SET")


class ProxyStatsMatcher(Node):
    """Which of Envoy's own counters proxies show."""

    inclusion_suffixes = texts("inclusionSuffixes")


class ProxyConfig(Node):
    """What each proxy does by default."""

    gateway_topology = node("gatewayTopology", GatewayTopology)
    stats_matcher = node("proxyStatsMatcher", ProxyStatsMatcher)
    metadata = labels("proxyMetadata")


class MeshConfig(Node):
    """The settings of an installation that anybody asks for."""

    outbound_traffic_policy = node("outboundTrafficPolicy", OutboundTrafficPolicy)
    root_namespace = nonempty("rootNamespace", ROOT_NAMESPACE)
    trust_domain = nonempty("trustDomain", "cluster.local")
    trust_domain_aliases = texts("trustDomainAliases")
    auto_mtls = boolean("enableAutoMtls", default=True)
    service_export_to = texts("defaultServiceExportTo", _EVERYBODY)
    virtual_service_export_to = texts("defaultVirtualServiceExportTo", _EVERYBODY)
    destination_rule_export_to = texts("defaultDestinationRuleExportTo", _EVERYBODY)
    extension_providers = nodes("extensionProviders", MeshProvider)
    default_providers = node("defaultProviders", DefaultProviders)
    path_normalization = node("pathNormalization", PathNormalization)
    proxy = node("defaultConfig", ProxyConfig)

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


class Telemetry(Spec):
    """What proxies measure [Istio: telemetry/v1, Telemetry]."""

    metrics = nodes("metrics", Node)


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

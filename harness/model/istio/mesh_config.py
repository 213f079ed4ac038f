"""MeshConfig: what holds for a whole installation of Istio."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from harness.api.kubernetes.config_map import ConfigMap
from harness.base.errors import InputError, did_you_mean, not_modelled
from harness.base.kept import per_object
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.manifests.documents import plain
from harness.model.state.tables import per_state
from harness.traffic.trace import Action, Part, Step, Words, built_in, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.objects import Fields
    from harness.base.resources import Resource
    from harness.model.state.objects import Objects
    from harness.model.state.state import State

NAME = "istio"
"""The ConfigMap in istio-system whose entry `mesh` istiod of revision `default` reads."""

ALLOW_ANY, REGISTRY_ONLY = "ALLOW_ANY", "REGISTRY_ONLY"
_EVERYBODY = ("*",)
_LOCAL = "cluster.local"

_READ: dict[str, type] = {
    "outboundTrafficPolicy": dict,
    "rootNamespace": str,
    "trustDomain": str,
    "trustDomainAliases": list,
    "enableAutoMtls": bool,
    "defaultServiceExportTo": list,
    "defaultVirtualServiceExportTo": list,
    "defaultDestinationRuleExportTo": list,
    "extensionProviders": list,
    "pathNormalization": dict,
    "defaultConfig": dict,
}
_FORMS = {dict: "a mapping", list: "a list", str: "a text", bool: "true or false"}

# Logs, telemetry, certificates, names of statistics, how fast configuration spreads, other ways in
# (Ingress), ambient mode, several clusters, zones: requests between sidecars fare the same.
_WITHOUT_EFFECT = frozenset(
    (
        "accessLogEncoding",
        "accessLogFile",
        "accessLogFormat",
        "ca",
        "caCertificates",
        "certificates",
        "connectTimeout",
        "defaultProviders",
        "disableEnvoyListenerLog",
        "dnsRefreshRate",
        "enableEnvoyAccessLogService",
        "enablePrometheusMerge",
        "enableTracing",
        "hboneIdleTimeout",
        "inboundClusterStatName",
        "ingressClass",
        "ingressControllerMode",
        "ingressSelector",
        "ingressService",
        "localityLbSetting",
        "meshMTLS",
        "outboundClusterStatName",
        "protocolDetectionTimeout",
        "serviceScopeConfigs",
        "serviceSettings",
        "tcpKeepalive",
        "tlsDefaults",
        "verifyCertificateAtClient",
    )
)

# Of a proxy's own defaults: what changes what it does with a request.
_PROXY_WITH_EFFECT = frozenset(("interceptionMode", "proxyHeaders", "privateKeyProvider"))
_PROXY_METADATA_WITH_EFFECT = ("ISTIO_META_DNS_CAPTURE", "ISTIO_META_DNS_AUTO_ALLOCATE")


@dataclass(frozen=True)
class MeshConfig:
    """The settings that requests depend on; `origin` is the ConfigMap, if there is one."""

    origin: Resource | None = None
    outbound: str = ALLOW_ANY
    root_namespace: str = ROOT_NAMESPACE
    trust_domain: str = _LOCAL
    trust_domain_aliases: tuple[str, ...] = ()
    auto_mtls: bool = True
    service_export_to: tuple[str, ...] = _EVERYBODY
    virtual_service_export_to: tuple[str, ...] = _EVERYBODY
    destination_rule_export_to: tuple[str, ...] = _EVERYBODY
    path_normalization: str = "BASE"
    providers: Mapping[str, Fields] = field(default_factory=dict)
    trusted_proxies: int = 0
    forward_client_cert: str = "SANITIZE_SET"

    def step(self, key: str, action: Action, words: str, *parts: Part) -> Step:
        """Returns what a setting did, by its place, or as the default that it is."""
        if self.origin is None:
            return built_in(action, "{} (MeshConfig {}, by default)", Words(words, parts), key)
        return step(self.origin, f"data.mesh {key}", action, words, *parts)


@per_state
def of(state: State) -> MeshConfig:
    """Returns what ConfigMap istio-system/istio says (`data.mesh`); the default profile without it.

    Raises InputError if it isn't YAML, NotModelledError for settings that the model doesn't decide on.
    """
    origin = state.get("", "ConfigMap", ROOT_NAMESPACE, NAME)
    said = _said(origin) if origin else {}
    if origin is None or not said:
        return MeshConfig(origin)
    _refuse(origin, said)
    providers = {one["name"]: one for one in said.get("extensionProviders", ()) if "name" in one}
    topology = (said.get("defaultConfig") or {}).get("gatewayTopology") or {}
    return MeshConfig(
        origin,
        outbound=(said.get("outboundTrafficPolicy") or {}).get("mode") or ALLOW_ANY,
        root_namespace=said.get("rootNamespace") or ROOT_NAMESPACE,
        trust_domain=said.get("trustDomain") or _LOCAL,
        trust_domain_aliases=tuple(said.get("trustDomainAliases") or ()),
        auto_mtls=said.get("enableAutoMtls", True) is not False,
        service_export_to=tuple(said.get("defaultServiceExportTo") or _EVERYBODY),
        virtual_service_export_to=tuple(said.get("defaultVirtualServiceExportTo") or _EVERYBODY),
        destination_rule_export_to=tuple(said.get("defaultDestinationRuleExportTo") or _EVERYBODY),
        path_normalization=(said.get("pathNormalization") or {}).get("normalization") or "BASE",
        providers=providers,
        trusted_proxies=int(topology.get("numTrustedProxies") or 0),
        forward_client_cert=topology.get("forwardClientCertDetails") or "SANITIZE_SET",
    )


def counted(state: State) -> tuple[tuple[str, ...], Fields]:
    """Returns the providers of metrics in every namespace, and which of Envoy's own counters proxies show."""
    origin = state.get("", "ConfigMap", ROOT_NAMESPACE, NAME)
    said = _said(origin) if origin else {}
    providers = (said.get("defaultProviders") or {}).get("metrics") or ()
    return tuple(providers), (said.get("defaultConfig") or {}).get("proxyStatsMatcher") or {}


def trust_domain(objects: Objects) -> str:
    """Returns the trust domain of pods that start now: the default where the ConfigMap can't be read."""
    origin = objects.get("", "ConfigMap", ROOT_NAMESPACE, NAME)
    return _trust_domain(origin) if origin else _LOCAL


@per_object
def _trust_domain(origin: Resource) -> str:
    try:
        said = _said(origin)
    except InputError:  # raised where a request depends on it
        return _LOCAL
    return str(said.get("trustDomain") or _LOCAL)


def _said(origin: Resource) -> dict[str, Any]:
    """What the ConfigMap sets; raises InputError if that can't be read."""
    text = ConfigMap.of(origin).texts.get("mesh") or ""
    try:
        said = plain(text) or {}
    except yaml.YAMLError as error:
        raise InputError(
            f"{origin} data.mesh isn't YAML", where=origin.place("data.mesh"), why=str(error)
        ) from None
    if not isinstance(said, dict):
        raise InputError(f"{origin} data.mesh isn't a mapping", where=origin.place("data.mesh"))
    for key, form in _READ.items():
        if said.get(key) is not None and not isinstance(said[key], form):
            field = f"data.mesh {key}"
            raise InputError(f"{origin} {field} isn't {_FORMS[form]}", where=origin.place(field))
    return {key: value for key, value in said.items() if value is not None}


def _refuse(origin: Resource, said: Fields) -> None:
    known = _WITHOUT_EFFECT.union(_READ)
    for key in said:
        if key not in known:
            why = "the model doesn't decide on this setting"
            raise not_modelled(origin, f"data.mesh {key}", why, did_you_mean(key, known))
    mode = (said.get("outboundTrafficPolicy") or {}).get("mode", ALLOW_ANY)
    if mode not in (ALLOW_ANY, REGISTRY_ONLY):
        raise not_modelled(origin, "data.mesh outboundTrafficPolicy.mode", f"{mode} resolves names itself")
    if said.get("rootNamespace", ROOT_NAMESPACE) != ROOT_NAMESPACE:
        why = f"the model's root namespace is {ROOT_NAMESPACE}"
        raise not_modelled(origin, "data.mesh rootNamespace", why)
    proxy = said.get("defaultConfig") or {}
    for key in sorted(_PROXY_WITH_EFFECT & proxy.keys()):
        raise not_modelled(origin, f"data.mesh defaultConfig.{key}", "it changes what every proxy does")
    for key in (proxy.get("gatewayTopology") or {}).keys() - {
        "numTrustedProxies",
        "forwardClientCertDetails",
    }:
        raise not_modelled(origin, f"data.mesh defaultConfig.gatewayTopology.{key}", "it changes connections")
    for key in _PROXY_METADATA_WITH_EFFECT:
        if str((proxy.get("proxyMetadata") or {}).get(key, "false")) == "true":
            why = "proxies that answer DNS know names that no DNS server has"
            raise not_modelled(origin, f"data.mesh defaultConfig.proxyMetadata.{key}", why)

"""MeshConfig: what holds for a whole installation of Istio."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.api.istio.mesh_config import (
    DNS_CAPTURE,
    KEY,
    PROXY,
    MeshConfig,
    PodProxyConfig,
    is_mesh_config,
    unsettled,
)
from harness.api.istio.registry import ALLOW_ANY, BY_HOST, REGISTRY_ONLY
from harness.base.errors import InputError, did_you_mean, not_modelled
from harness.base.resources import Resource, per_object
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.state.tables import per_pod, per_state
from harness.traffic.trace import Action, Part, Step, Words, built_in, step

if TYPE_CHECKING:
    from harness.model.state import Objects, Pod, State

# Logs, telemetry, certificates, names of statistics, how fast configuration spreads, ambient mode, several
# clusters, zones: requests between sidecars fare the same.
_WITHOUT_EFFECT = frozenset(
    "accessLogEncoding accessLogFile accessLogFormat ca caCertificates certificates connectTimeout "
    "disableEnvoyListenerLog dnsRefreshRate enableEnvoyAccessLogService enablePrometheusMerge "
    "enableTracing hboneIdleTimeout inboundClusterStatName localityLbSetting meshMTLS "
    "outboundClusterStatName protocolDetectionTimeout serviceScopeConfigs serviceSettings tcpKeepalive "
    "tlsDefaults "
    "verifyCertificateAtClient".split()
)

_DEFAULT = MeshConfig.of(None)


@per_state
def of(state: State) -> MeshConfig:
    """Returns what ConfigMap istio-system/istio says (`data.mesh`); the default profile without it.

    Raises InputError if it isn't YAML, NotModelledError for settings that the model doesn't decide on.
    """
    config = read(state)
    _refuse(config)
    return config


def check(resource: Resource) -> None:
    """Raises NotModelledError for a setting that the model doesn't decide on, if an object has settings."""
    if not is_mesh_config(resource):
        return
    try:
        config = MeshConfig.of(resource)
    except InputError:  # raised where a request depends on it
        return
    _refuse(config)


def read(objects: Objects) -> MeshConfig:
    """Returns the same, whatever else it says; raises InputError if it isn't YAML."""
    return MeshConfig.of(objects.get(*KEY))


@per_object
def _trust_domain(origin: Resource) -> str:
    try:
        return MeshConfig.of(origin).trust_domain
    except InputError:  # raised where a request depends on it
        return _DEFAULT.trust_domain


def trust_domain(objects: Objects) -> str:
    """Returns the trust domain of pods that start now: the default where the ConfigMap can't be read."""
    origin = objects.get(*KEY)
    return _trust_domain(origin) if origin else _DEFAULT.trust_domain


def captures_dns(state: State) -> bool:
    """Returns whether proxies answer their pods' questions for the hosts that they know.

    ServiceEntries without addresses then have one of their own, too [Istio: DNS proxying, auto allocation].
    """
    return of(state).proxy.metadata.get(DNS_CAPTURE) == "true"


class Topology(NamedTuple):
    """What stands before a gateway, and what becomes of what clients say of certificates."""

    trusted_proxies: int
    forward_client_cert: str


@per_pod
def topology(state: State, pod: Pod) -> Topology:
    """Returns what a gateway's pod is told, by MeshConfig or (field by field) by its annotation."""
    own = PodProxyConfig.written(_pod_object(pod), pod.annotations.get(PROXY, "")).gateway_topology
    whole = of(state).proxy.gateway_topology
    proxies = (own if own.has("numTrustedProxies") else whole).trusted_proxies
    certificates = own if own.has("forwardClientCertDetails") else whole
    return Topology(int(proxies or 0), certificates.forward_client_cert)


def _pod_object(pod: Pod) -> Resource:
    return Resource("v1", "Pod", pod.namespace, pod.name, {})


def setting(config: MeshConfig, key: str, action: Action, words: str, *parts: Part) -> Step:
    """Returns what a setting did, by its place, or as the default that it is."""
    if not config.resource.data:
        return built_in(action, "{} (MeshConfig {}, by default)", Words(words, parts), key)
    return step(config.resource, config.at(key), action, words, *parts)


def _refuse(config: MeshConfig) -> None:
    origin, proxy = config.resource, config.proxy
    for key in config.undeclared():
        if key not in _WITHOUT_EFFECT:
            why = "the model doesn't decide on this setting"
            names = _WITHOUT_EFFECT.union(config.keys())
            raise not_modelled(origin, config.at(key), why, did_you_mean(key, names))
    if config.outbound not in (ALLOW_ANY, BY_HOST, REGISTRY_ONLY):
        policy = config.outbound_traffic_policy
        raise not_modelled(origin, policy.at("mode"), f"{policy.mode} is no mode of Istio 1.31")
    if config.root_namespace != ROOT_NAMESPACE:
        why = f"the model's root namespace is {ROOT_NAMESPACE}"
        raise not_modelled(origin, config.at("rootNamespace"), why)
    for path, why in unsettled(proxy):
        raise not_modelled(origin, path, why)

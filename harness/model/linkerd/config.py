"""Linkerd's settings for a whole installation: what its chart keeps in ConfigMap linkerd/linkerd-config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from harness.api.kubernetes.config_map import ConfigMap
from harness.base.errors import InputError, not_modelled
from harness.base.kept import per_object
from harness.base.vocabulary import LINKERD_NAMESPACE
from harness.manifests.documents import plain
from harness.model.linkerd.ports import Ports, lenient
from harness.model.state.tables import per_state
from harness.traffic.trace import Reason, reason

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state.objects import Objects
    from harness.model.state.state import State

NAME = "linkerd-config"

POLICIES = (
    "all-unauthenticated",
    "all-authenticated",
    "cluster-unauthenticated",
    "cluster-authenticated",
    "deny",
    "audit",
)
"""The default inbound policies, of an installation, a namespace, a workload, or a Server."""

# Settings that every request depends on, and the values that the model's rules are for.
_FIXED: dict[str, tuple[object, ...]] = {
    "clusterDomain": ("cluster.local",),
    "proxy.outboundTransportMode": ("transport-header",),
    "proxy.isIngress": (False,),
    "linkerdNamespace": (LINKERD_NAMESPACE,),
}


@dataclass(frozen=True)
class Config:
    """The settings that requests depend on; `origin` is the ConfigMap, None for the default installation."""

    origin: Resource | None = None
    trust_domain: str = "cluster.local"
    default_policy: str = POLICIES[0]
    opaque_ports: Ports = frozenset((25, 587, 3306, 4444, 5432, 6379, 9300, 11211))
    skip_inbound: Ports = frozenset((4567, 4568))
    skip_outbound: Ports = frozenset((4567, 4568))
    skip_subnets: tuple[str, ...] = ()
    networks: tuple[str, ...] = (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "fd00::/8",
    )
    probe_networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    egress_namespace: str = "linkerd-egress"

    def reason(self, key: str, text: str) -> Reason:
        """Returns a link of a trace that names this setting, or says that it is the default."""
        if self.origin is None:
            return Reason(f"{text} (Linkerd's {key}, by default)")
        return reason(self.origin, f"data.values {key}", text)


@per_state
def of(state: State) -> Config:
    """Returns what ConfigMap linkerd/linkerd-config says (`data.values`); the chart's defaults without it.

    Settings that no request depends on (images, resources, logs, probes, certificates, …) are passed
    over. Raises InputError if it isn't YAML, NotModelledError for a setting that the model's rules
    aren't for.
    """
    return _of(state)


def trust_domain(objects: Objects) -> str:
    """Returns the trust domain of pods that start now; raises what `of` does."""
    return _of(objects).trust_domain


def _of(objects: Objects) -> Config:
    origin = objects.get("", "ConfigMap", LINKERD_NAMESPACE, NAME)
    return _read(origin) if origin else Config()


@per_object
def _read(origin: Resource) -> Config:
    text = ConfigMap.of(origin).texts.get("values")
    if not text:
        return Config(origin)
    said = _flat(_parsed(origin, text))
    for key, values in _FIXED.items():
        if said.get(key, values[0]) not in values:
            why = f"the model's rules are for {values[-1]!r}, not {said[key]!r}"
            raise not_modelled(origin, f"data.values {key}", why)
    default = Config(origin)
    policy = said.get("proxy.defaultInboundPolicy", default.default_policy)
    if policy not in POLICIES:
        raise not_modelled(origin, "data.values proxy.defaultInboundPolicy", f"{policy!r} isn't a policy")

    def ports(key: str, without: Ports) -> Ports:
        return lenient(str(said[key])) if key in said else without

    def texts(key: str, without: tuple[str, ...]) -> tuple[str, ...]:
        value = said.get(key, without)
        return tuple(part.strip() for part in (value.split(",") if isinstance(value, str) else value) if part)

    return Config(
        origin,
        said.get("identityTrustDomain") or default.trust_domain,
        policy,
        ports("proxy.opaquePorts", default.opaque_ports),
        ports("proxyInit.ignoreInboundPorts", default.skip_inbound),
        ports("proxyInit.ignoreOutboundPorts", default.skip_outbound),
        texts("proxyInit.skipSubnets", default.skip_subnets),
        texts("clusterNetworks", default.networks),
        texts("policyController.probeNetworks", default.probe_networks),
        said.get("egress.globalEgressNetworkNamespace") or default.egress_namespace,
    )


def _parsed(origin: Resource, text: str) -> dict[str, Any]:
    try:
        said = plain(text) or {}
    except yaml.YAMLError as error:
        raise InputError(f"{origin} data.values isn't YAML", where=origin.where, why=str(error)) from None
    if not isinstance(said, dict):
        raise InputError(f"{origin} data.values isn't a mapping", where=origin.where)
    return said


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values by their dotted names, without those that are null."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{key}.")
        elif value is not None:
            found[f"{prefix}{key}"] = value
    return found

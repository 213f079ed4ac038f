"""Linkerd's settings for a whole installation: what its chart keeps in ConfigMap linkerd/linkerd-config."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, Self

from harness.api.kubernetes.config_map import ConfigMap
from harness.api.linkerd import POLICIES
from harness.api.linkerd.ports import Ports, lenient
from harness.base.errors import not_modelled
from harness.base.vocabulary import LINKERD_NAMESPACE

if TYPE_CHECKING:
    from harness.api.linkerd.policy import Network
    from harness.base.resources import Resource

NAME = "linkerd-config"

# Settings that every request depends on, and the values that the model's rules are for.
_FIXED: dict[str, tuple[object, ...]] = {
    "clusterDomain": ("cluster.local",),
    "proxy.outboundTransportMode": ("transport-header",),
    "proxy.isIngress": (False,),
    "linkerdNamespace": (LINKERD_NAMESPACE,),
}


@dataclass(frozen=True)
class LinkerdConfig:
    """The settings that requests depend on; `origin` is the ConfigMap, None for the default installation."""

    origin: Resource | None = None
    trust_domain: str = "cluster.local"
    default_policy: str = POLICIES[0]
    opaque_ports: Ports = frozenset((25, 587, 3306, 4444, 5432, 6379, 9300, 11211))
    skip_inbound: Ports = frozenset((4567, 4568))
    skip_outbound: Ports = frozenset((4567, 4568))
    skip_subnets: tuple[str, ...] = ()
    networks: tuple[str, ...] = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fd00::/8")
    probe_networks: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    egress_namespace: str = "linkerd-egress"

    @property
    def blocks(self) -> tuple[Network, ...]:
        """The cluster's networks; raises ValueError for what isn't one."""
        return tuple(ip_network(text, strict=False) for text in self.networks)

    @classmethod
    def of(cls, origin: Resource | None) -> Self:
        """Returns what the ConfigMap says (`data.values`); the chart's defaults without it.

        Settings that no request depends on (images, resources, logs, probes, certificates, …) are passed
        over. Raises InputError if it isn't YAML, NotModelledError for a setting that the model's rules
        aren't for.
        """
        written = _flat(ConfigMap.of(origin).settings("values")) if origin else {}
        if origin is None or not written:
            return cls(origin)
        for key, values in _FIXED.items():
            if written.get(key, values[0]) not in values:
                why = f"the model's rules are for {values[-1]!r}, not {written[key]!r}"
                raise not_modelled(origin, f"data.values {key}", why)
        default = cls(origin)
        policy = written.get("proxy.defaultInboundPolicy", default.default_policy)
        if policy not in POLICIES:
            raise not_modelled(origin, "data.values proxy.defaultInboundPolicy", f"{policy!r} isn't a policy")

        def ports(key: str, without: Ports) -> Ports:
            return lenient(str(written[key])) if key in written else without

        def texts(key: str, without: tuple[str, ...]) -> tuple[str, ...]:
            value = written.get(key, without)
            parts = value.split(",") if isinstance(value, str) else value
            return tuple(part.strip() for part in parts if part)

        return cls(
            origin,
            written.get("identityTrustDomain") or default.trust_domain,
            policy,
            ports("proxy.opaquePorts", default.opaque_ports),
            ports("proxyInit.ignoreInboundPorts", default.skip_inbound),
            ports("proxyInit.ignoreOutboundPorts", default.skip_outbound),
            texts("proxyInit.skipSubnets", default.skip_subnets),
            texts("clusterNetworks", default.networks),
            texts("policyController.probeNetworks", default.probe_networks),
            written.get("egress.globalEgressNetworkNamespace") or default.egress_namespace,
        )


def trust_domain_of(origin: Resource | None) -> str:
    """Returns the trust domain of an installation, whatever else its ConfigMap says."""
    written = ConfigMap.of(origin).settings("values") if origin else {}
    return str(written.get("identityTrustDomain") or LinkerdConfig().trust_domain)


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values by their dotted names, without those that are null."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        elif value is not None:
            flat[f"{prefix}{key}"] = value
    return flat

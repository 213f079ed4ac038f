"""The hosts of an estate, Services and ServiceEntries, as VirtualServices and DestinationRules name them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.hosts import covers, exported_to, protocol_of
from harness.api.istio.registry import GROUP, ServiceEntry
from harness.api.kubernetes.service import Service
from harness.base.vocabulary import CLUSTER_DOMAIN
from harness.model.istio import mesh_config
from harness.model.istio.registry.service import is_exported
from harness.model.network.services import fqdn, service_ports
from harness.model.state.tables import HostTable, per_key, per_state

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model import State

_BYTES = ("tcp", "tls")

SERVICE, SERVICE_ENTRY = ("", "Service"), (GROUP, "ServiceEntry")


@dataclass(frozen=True)
class Host:
    """A name, perhaps a wildcard, with the object that brings it and the numbers of its ports.

    Of these `bytes_only` are those that say to speak something else than HTTP.
    """

    name: str
    origin: Resource
    ports: tuple[int, ...]
    bytes_only: tuple[int, ...] = ()


@per_state
def hosts(state: State) -> HostTable[Host]:
    """Returns all hosts by their names; a Service has its full one."""
    services = (
        Host(
            fqdn(each),
            each,
            tuple(port.number for port in Service.kept(each).ports),
            tuple(port.number for port in service_ports(each) if port.protocol in _BYTES),
        )
        for each in state.all(*SERVICE)
    )
    entries = (
        Host(
            host.lower(),
            each.resource,
            tuple(port.number for port in each.ports),
            tuple(port.number for port in each.ports if protocol_of(port.protocol) in _BYTES),
        )
        for each in map(ServiceEntry.kept, state.all(*SERVICE_ENTRY))
        for host in each.hosts
    )
    return HostTable((host.name, host) for host in (*services, *entries))


@per_key(lambda rules, name: (rules.key, name))
def hosts_for(state: State, rules: Resource, name: str) -> list[Host]:
    """Returns the hosts that a name in an object's rules stands for, where their proxies may know them.

    Those are in the namespaces that the rules are exported to, or in their own.
    """
    exported = exported_to(rules)
    everywhere = not exported or "*" in exported
    namespaces = {rules.namespace} if everywhere else {_own(each, rules) for each in exported}
    default = _default_export(state)
    return [
        host
        for host in hosts(state).covering(name.lower())
        if any(is_exported(host.origin, namespace, default) for namespace in namespaces)
    ]


@per_state
def _default_export(state: State) -> tuple[str, ...]:
    return mesh_config.read(state).service_export_to


def _own(namespace: str, rules: Resource) -> str:
    return rules.namespace if namespace == "." else namespace


def needs(state: State, name: str) -> tuple[str, ...] | None:
    """Returns of what there must be objects for somebody to tell that a host is missing.

    None where that is certain: `name.namespace` isn't how Istio writes a Service's host, though it is one.
    """
    short, dot, namespace = name.partition(".")
    if dot and state.get(*SERVICE, namespace, short) is not None:
        return None
    if not covers(f"*.svc.{CLUSTER_DOMAIN}", name):
        return SERVICE_ENTRY
    return (*SERVICE, namespace.removesuffix(f".svc.{CLUSTER_DOMAIN}"))

"""What Istio's gateways serve of Kubernetes' Ingresses: as istiod's own Gateways and VirtualServices have it.

Each Ingress becomes a Gateway, and each host, of whatever Ingresses, a VirtualService that is bound to the
Gateway of the oldest of them alone [istio/istio: pilot/pkg/config/kube/ingress].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio import ingress
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.service import Service
from harness.base.matching import TextMatch
from harness.base.vocabulary import CLUSTER_DOMAIN, Mesh
from harness.model.istio import mesh_config
from harness.model.istio.routing.rule import RoutingDestination, RoutingMatch, RoutingRule
from harness.model.istio.upstream.retries import Retries
from harness.model.state.tables import HostTable, grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.kubernetes.ingress import HTTPIngressPath, IngressRule, ServiceBackend
    from harness.base.resources import Resource
    from harness.model.state import State

_EVERY_PATH = ("", "*", "/*", ".*")
_ENDINGS = (".*", "/*")
"""How a path ends, if no type says so, that is the beginning of others."""

_INSTALLED = "istio-ingressgateway"
"""The Service whose pods have another label than its name."""


@dataclass(frozen=True)
class HostRules:
    """The rules for a host, and the Ingress at whose Gateway they count."""

    host: str
    ingress: Resource
    rules: tuple[RoutingRule, ...]

    @property
    def name(self) -> tuple[str, str]:
        """What sorts them: the name of the VirtualService that istiod makes of it, and its namespace."""
        host = self.host.replace(".", "-")
        return f"{host}-{self.ingress.name}-{ingress.GENERATED}", self.ingress.namespace


@per_state
def selector(state: State) -> dict[str, str]:
    """Returns the labels of the pods that serve Ingresses."""
    config = mesh_config.of(state)
    named = "" if config.ingress_service == _INSTALLED else config.ingress_service
    return {"istio": config.ingress_selector or named or "ingressgateway"}


@per_state
def served(state: State) -> tuple[Resource, ...]:
    """Returns the Ingresses that Istio's gateways serve, by the names of the Gateways that istiod makes."""
    if Mesh.ISTIO not in state.meshes:
        return ()
    every = state.all(*Ingress.KIND)
    left = {each.resource.key for each in state.undecided} if every else ()
    return tuple(sorted((each for each in every if each.key not in left), key=ingress.gateway_name))


@per_state
def by_host(state: State) -> HostTable[HostRules]:
    """Returns the rules of Ingresses by their hosts."""
    ours = {each.key for each in served(state)}
    every = (
        ((*stored.created, stored.live.name, stored.live.namespace), rule)
        for stored in state.stored(*Ingress.KIND)
        if stored.live.key in ours
        for rule in Ingress.kept(stored.live).rules
        if rule.http is not None
    )
    hosts = grouped((rule.host or "*", rule) for _, rule in sorted(every, key=lambda each: each[0]))
    made = (_rules(state, host, rules) for host, rules in hosts.items())
    ordered = sorted(made, key=lambda each: each.name)
    return HostTable((each.host, each) for each in ordered if each.rules)


def _rules(state: State, host: str, rules: Sequence[IngressRule]) -> HostRules:
    """A host's rules: longer paths first, of equal ones exact ones, then as they are written."""
    paths = [path for rule in rules if rule.http for path in rule.http.paths]
    ordered = sorted(paths, key=lambda path: _precedence(*_written(path)))
    made = (rule for path in ordered if (rule := _rule(state, path)))
    return HostRules(host, rules[0].resource, tuple(made))


def _precedence(kind: str, text: str) -> tuple[int, bool]:
    return -len(text.encode()), kind != "exact"


def _written(path: HTTPIngressPath) -> tuple[str, str]:
    """How a path is compared (empty: any will do), and with what; Istio says so where no type does."""
    text = path.text
    if path.path_type in ("Exact", "Prefix"):
        return path.path_type.lower(), text
    if text in _EVERY_PATH:
        return "", ""
    ending = next((ending for ending in _ENDINGS if text.endswith(ending)), "")
    return ("prefix", text.removesuffix(ending)) if ending else ("exact", text)


def _uri(path: HTTPIngressPath) -> TextMatch | None:
    kind, text = _written(path)
    if kind == "exact":
        return TextMatch("exact", text)
    if kind == "prefix":  # but for `/` alone whole segments
        return TextMatch("prefix", text) if text == "/" else TextMatch("segments", text.removesuffix("/"))
    return None


def _rule(state: State, path: HTTPIngressPath) -> RoutingRule | None:
    """A path's rule; None if it goes to no Service, or to a port by a name that its Service hasn't."""
    service = path.backend.service
    port = port_of(state, path.resource.namespace, service) if service else None
    if service is None or port is None:
        return None
    uri = _uri(path)
    matches = (RoutingMatch(path.at("path"), uri=uri),) if uri else ()
    host = f"{service.name}.{path.resource.namespace}.svc.{CLUSTER_DOMAIN}"
    target = RoutingDestination(service.path, host, port=port)
    return RoutingRule(path.resource, path.path, matches, (target,), retries=Retries())


def port_of(state: State, namespace: str, backend: ServiceBackend) -> int | None:
    """Returns the number of a backend's port; None for a name that no port of its Service has."""
    if backend.port.number:
        return backend.port.number
    service = state.get("", "Service", namespace, backend.name)
    ports = Service.kept(service).ports if service else ()
    return next((port.number for port in ports if port.name == backend.port.name), None)

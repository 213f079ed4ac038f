"""Sidecar: which hosts a client's proxy knows, and what it does with requests for others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING

from harness.api.istio.hosts import covers, entry_protocol
from harness.api.istio.registry import ALLOW_ANY, BY_HOST, REGISTRY_ONLY, Sidecar
from harness.api.kubernetes.selector import selects
from harness.base import explored
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.istio import mesh_config, revision
from harness.model.state.tables import grouped, per_key, per_state
from harness.traffic.trace import Action, Part, Step, Words, step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from harness.api.istio.destination import Destination
    from harness.api.istio.registry import EgressListener
    from harness.base.resources import Resource
    from harness.model.state import Pod, State

_EVERY_NAMESPACE, _OWN, _NOT = "*", ".", "~"


@dataclass(frozen=True)
class Import:
    """One of the `egress.hosts`: a namespace (`*`: every) and the hosts in it, taken in or left out."""

    namespace: str
    host: str
    excludes: bool = False

    @classmethod
    def parse(cls, text: str, own: str) -> Import:
        """Returns what `namespace/host` says to clients in a namespace (`.`: their own)."""
        namespace, _, host = text.partition("/")
        excludes = namespace.startswith(_NOT)
        namespace = namespace.removeprefix(_NOT) or _EVERY_NAMESPACE
        return cls(own if namespace == _OWN else namespace, host, excludes)


@dataclass(frozen=True)
class Egress:
    """What a Sidecar imports for one port, or (`port` 0, the last) for all others.

    `protocol` is what the proxy takes connections to that port for, whatever Services say of it, `bind` the
    only address for which it takes them, if it names one.
    """

    imports: tuple[Import, ...] = (Import(_EVERY_NAMESPACE, "*"),)
    port: int = 0
    protocol: str = ""
    bind: str = ""

    def has_service(self, namespace: str, host: str) -> bool:
        """Returns whether a host of the registry, from an object in this namespace, is imported."""
        return self._has(namespace, (host,), covers)

    def has_rules(self, namespace: str, hosts: Iterable[str]) -> bool:
        """Returns whether a VirtualService's hosts are imported: one is, or a wildcard that is narrower."""
        return self._has(
            namespace, hosts, lambda pattern, name: covers(pattern, name) or covers(name, pattern)
        )

    def _has(self, namespace: str, hosts: Iterable[str], fits: Callable[[str, str], bool]) -> bool:
        meant = [each for each in self.imports if each.namespace in (_EVERY_NAMESPACE, namespace)]
        return any(
            any(fits(each.host, host) for each in meant if not each.excludes)
            and not any(covers(each.host, host) for each in meant if each.excludes)
            for host in hosts
        )


@dataclass(frozen=True)
class Scope:
    """What one client's proxy is told of the mesh; `origin` is the Sidecar that says so, if any.

    `by_host`: HTTP for hosts that it doesn't know goes where these lead, not where the client dialled; with
    an `egress_proxy` all that it doesn't know goes there.
    """

    allow_any: bool
    outbound: Step
    origin: Resource | None = None
    egress: tuple[Egress, ...] = (Egress(),)
    by_host: bool = False
    egress_proxy: Destination | None = None

    def on_port(self, number: int) -> Egress | None:
        """Returns what is imported for a port, None if nothing is [istio/istio: GetEgressListenerForRDS]."""
        return next((each for each in self.egress if each.port in (0, number)), None)

    def has_rules(self, namespace: str, hosts: Sequence[str], number: int) -> bool:
        """Returns whether a VirtualService's hosts are imported for a port."""
        egress = self.on_port(number)
        return egress is not None and egress.has_rules(namespace, hosts)

    def hidden(self, resource: Resource, what: str, *parts: Part) -> Step:
        """Returns why an object isn't known to the client: the Sidecar doesn't import it."""
        origin = self.origin or resource
        return step(origin, "spec.egress", Action.HIDDEN, "doesn't import {}", Words(what, parts))


def of(state: State, client: Pod) -> Scope:
    """Returns the scope of a client's proxy.

    The oldest Sidecar of its namespace that selects it counts, then the namespace's oldest without selector,
    then the root namespace's; a gateway knows all that is exported to it [istio/istio: getSidecarScope].
    """
    sidecar = None if client.gateway else _sidecar(state, client)
    return explored.of(_scope, state, client.namespace, sidecar)


def _sidecar(state: State, client: Pod) -> Sidecar | None:
    sidecars = _sidecars(state)
    if not sidecars:
        return None
    beside = explored.of(_beside, state, client.namespace)
    own = (each for each in beside if selects(each.selector, client.labels))
    general = (sidecar for sidecar in sidecars.get(ROOT_NAMESPACE, ()) if not sidecar.selector)
    return next(chain(own, general), None)


def _beside(state: State, namespace: str) -> Iterable[Sidecar]:
    return _sidecars(state).get(namespace, ())


@per_key(lambda namespace, sidecar: (namespace, id(sidecar)))
def _scope(state: State, namespace: str, sidecar: Sidecar | None) -> Scope:
    config = mesh_config.of(state)
    default = Scope(
        config.outbound != REGISTRY_ONLY,
        mesh_config.setting(config, "outboundTrafficPolicy.mode", Action.MATCHED, "is {}", config.outbound),
        by_host=config.outbound == BY_HOST,
    )
    if sidecar is None:
        return default
    egress = tuple(_egress(listener, namespace) for listener in sidecar.egress) or default.egress
    policy, origin = sidecar.outbound_traffic_policy, sidecar.resource
    if policy is None:
        return replace(default, origin=origin, egress=egress)
    # The first value of the enumeration, REGISTRY_ONLY, is what an absent mode reads as.
    mode = policy.mode or REGISTRY_ONLY
    why = step(origin, policy.at("mode"), Action.MATCHED, "is {}", mode)
    return Scope(mode == ALLOW_ANY, why, origin, egress, egress_proxy=policy.egress_proxy)


def _egress(listener: EgressListener, namespace: str) -> Egress:
    imports = tuple(Import.parse(host, namespace) for host in listener.hosts)
    spoken = entry_protocol(listener.port.protocol)
    return Egress(imports, listener.port.number, spoken, listener.address)


def passed_over(state: State, client: Pod) -> list[Step]:
    """Returns why Sidecars for a client don't count that the control plane doesn't take in."""
    return revision.passed_over(
        state,
        Sidecar.KIND,
        lambda sidecar: (
            sidecar.namespace in (client.namespace, ROOT_NAMESPACE)
            and selects(Sidecar.kept(sidecar).selector, client.labels)
        ),
    )


@per_state
def _sidecars(state: State) -> dict[str, list[Sidecar]]:
    """Sidecars by namespace, those with a selector first, older first."""
    every = map(Sidecar.kept, revision.acting(state, *Sidecar.KIND))
    selecting_first = sorted(every, key=lambda sidecar: not sidecar.has("workloadSelector"))
    return grouped((sidecar.resource.namespace, sidecar) for sidecar in selecting_first)

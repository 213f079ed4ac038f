"""The routes on a gateway's listeners: which attach, for which hosts, and the rules that they make there.

[istio/istio: pilot/pkg/config/kube/gateway, pilot/pkg/networking/core/gateway.go]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.istio.hosts import covers, specificity, within
from harness.base.vocabulary import Mesh
from harness.model.istio import revision
from harness.model.istio.gateway import listener as gateway_listener
from harness.model.istio.routing import gateway_api_route as gateway_route
from harness.model.istio.routing.rule import RoutingRule, applicable
from harness.model.network import attachment
from harness.model.state.tables import HostTable, grouped, per_state
from harness.traffic.trace import Action, Step, Words, listed, step, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.gateway_api.gateway import Listener
    from harness.api.gateway_api.reference import ParentRef
    from harness.base.resources import Resource
    from harness.model.state import Pod, State


PARENTS = ("Gateway", "ListenerSet")
"""The kinds with listeners."""

Age = tuple[bool, str, int, str, str]
AttachingRoute = tuple[Route, "ParentRef", Age]
"""A route that names a Gateway, and by which of its parents."""


@dataclass(frozen=True)
class Attached:
    """A route on a listener, for one of its host names; `level` tells how specific what both cover is."""

    listener: Listener
    route: Route
    host: str
    level: tuple[bool, int]
    age: Age


def attached(state: State, listeners: Iterable[Listener], host: str) -> tuple[list[Attached], list[Step]]:
    """Returns the routes on listeners that have a name for a host, oldest first, and why not others."""
    taken: list[Attached] = []
    lost: list[Step] = []
    for key, own in grouped((listener.resource.key, listener) for listener in listeners).items():
        table = _by_gateway(state).get(key)
        for route, parent, age in table.covering(host) if table else ():
            if revision.is_apart(state, route.resource):
                lost.append(revision.why_apart(state, route.resource))
                continue
            if unread := state.served.unread(Mesh.ISTIO, route.resource.kind):
                text = "{}: the route is ignored"
                lost.append(step(route.resource, "apiVersion", Action.IGNORED, text, unread))
                continue
            if fault := gateway_route.unusable(state, route):
                text = "{}: the route is ignored"
                lost.append(step(route.resource, fault[0], Action.IGNORED, text, fault[1]))
                continue
            whys = [_refusal(state, listener, parent, route) for listener in own]
            named = [
                Attached(listener, route, name, specificity(shared), age)
                for listener, why in zip(own, whys, strict=True)
                if why is None
                for name, shared in _hosts(state, listener, route)
                if covers(shared, host)
            ]
            taken += named
            if not named:
                why = listed((each for each in whys if each), "; ")
                if None in whys:
                    why = words("its host names there are another listener's")
                lost.append(step(route.resource, parent.path, Action.UNMATCHED, "{}", why))
    return sorted(taken, key=lambda attached: attached.age), lost


@per_state
def _by_gateway(state: State) -> dict[tuple[str, str, str, str], HostTable[AttachingRoute]]:
    """The routes that name a Gateway, or a ListenerSet, by their host names, older first."""
    parents = (parent for kind in PARENTS for parent in state.all(gateway_api.GROUP, kind))
    return {parent.key: HostTable(_naming(state, parent)) for parent in parents}


def _naming(state: State, gateway: Resource) -> Iterator[tuple[str, AttachingRoute]]:
    for stored in attachment.naming(state, gateway):
        if stored.live.group == gateway_api.GROUP:
            route = Route.kept(stored.live)
            for parent in route.parents:
                group = gateway_api.GROUP if parent.group is None else parent.group
                if (group, parent.kind, parent.namespace, parent.name) == gateway.key:
                    candidate = (route, parent, stored.age)
                    yield from ((host.lower(), candidate) for host in route.hostnames or ("*",))


def rules(state: State, pod: Pod, taken: Iterable[Attached]) -> list[RoutingRule]:
    """Returns the rules of a virtual host for routes that are attached for it, oldest first.

    Routes for one name on one listener are merged by precedence; such sets follow each other by their oldest
    route, those of the gateway's own namespace first.
    """
    sets = grouped(((attached.listener, attached.host), attached) for attached in taken)
    made: list[RoutingRule] = []
    for merged in sorted(sets.values(), key=lambda alike: alike[0].route.resource.namespace != pod.namespace):
        ordered = gateway_route.rules((attached.route for attached in merged), state)
        made += applicable(ordered, pod, merged[0].listener.port)[0]
    return made


def connection_rule(state: State, listener: Listener, name: str) -> tuple[RoutingRule | None, list[Step]]:
    """Returns the rule of the route that takes bytes: the most specific name for TLS's, then the oldest."""
    taken, lost = attached(state, [listener], name)
    best = max(taken, key=lambda attached: attached.level, default=None)
    if best is None:
        return None, lost
    rule = gateway_route.connection_rule(best.route, state)
    return rule, [*lost, step(rule.origin, rule.field, Action.MATCHED, "takes the connection")]


def _refusal(state: State, listener: Listener, parent: ParentRef, route: Route) -> Words | None:
    """Why a route doesn't attach to a listener, whatever its host names; None if it does."""
    where = (listener.resource, listener.path)
    kind, namespace = route.resource.kind, route.resource.namespace
    if parent.port is not None and parent.port != listener.port:
        return words("is for port {}, not {} {}'s {}", parent.port, *where, listener.port)
    if parent.section and parent.section != listener.name:
        return words("is for listener {}, not {}", parent.section, listener.name)
    if kind not in gateway_listener.kinds(listener):
        return words("{} {} takes no {}", *where, kind)
    if not gateway_listener.admits(state, listener, namespace):
        return words("{} {} takes no routes of namespace {}", *where, namespace)
    return None


def _hosts(state: State, listener: Listener, route: Route) -> Iterator[tuple[str, str]]:
    """The route's host names on a listener, each with what it and the listener's have in common.

    What a nearer name of the Gateway's listeners covers wholly belongs to that one alone.
    """
    own = listener.hostname
    nearer = [host for host in gateway_listener.siblings(state, listener) if len(host) >= len(own)]
    for name in map(str.lower, route.hostnames or ("*",)):
        if own.startswith("*") and any(within(name, host) for host in nearer):
            continue
        if within(own, name):
            yield name, own
        elif within(name, own):
            yield name, name

"""Which routes of the Gateway API clients with an Istio sidecar follow to a Service or ServiceEntry.

Of a Service Istio acts on parents of group "" only; the routes of a Service are one set of rules, ordered
by the Gateway API's precedence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.base.vocabulary import Mesh
from harness.model.istio import revision
from harness.model.istio.routing import gateway_api_route as gateway_route
from harness.model.network import attachment
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.api.gateway_api.reference import ParentRef
    from harness.model.istio.registry.service import Port
    from harness.model.state import State

Attached = tuple[tuple[bool, str, int], Route, "ParentRef"]


def attached(
    state: State, port: Port, namespace: str, kinds: tuple[str, ...] = gateway_route.ROUTED
) -> tuple[list[Route], list[Step]]:
    """Returns the routes, oldest first, that a namespace's clients follow to a Service or ServiceEntry.

    A route of the parent's own namespace (producer) is for all clients, one of another namespace
    (consumer) for that namespace's, and there instead of producers'. Routes for one port aren't
    merged with those for all: the set with the oldest route counts. Also returns why others that
    name the parent aren't followed.
    """
    producers: list[Attached] = []
    consumers: list[Attached] = []
    lost: list[Step] = []
    parent = port.origin
    for stored in attachment.about(state, parent):
        if stored.live.group != gateway_api.GROUP or stored.live.kind not in kinds:
            continue
        if revision.is_apart(state, stored.live):
            lost.append(revision.why_apart(state, stored.live))
            continue
        if unread := state.served.unread(Mesh.ISTIO, stored.live.kind):
            lost.append(step(stored.live, "apiVersion", Action.IGNORED, "{}: the route is ignored", unread))
            continue
        route = Route.kept(stored.live)
        if not route.parents and stored.live.namespace == parent.namespace:
            lost.append(step(stored.live, "spec.parentRefs", Action.IGNORED, "names no parent: no effect"))
        for ref in route.parents:
            why = ref.detached(parent, port.number, (parent.group,))
            if why == "" and (fault := gateway_route.unusable(state, route)):
                lost.append(step(stored.live, fault[0], Action.IGNORED, "{}: the route is ignored", fault[1]))
            elif why == "" and stored.live.namespace == parent.namespace:
                producers.append((stored.age[:3], route, ref))
            elif why == "" and stored.live.namespace == namespace:
                consumers.append((stored.age[:3], route, ref))
            elif why:
                lost.append(step(stored.live, ref.path, Action.UNMATCHED, "{}", why))
    merged, unmerged = _one_set(consumers or producers)
    return merged, lost + unmerged


def _one_set(candidates: list[Attached]) -> tuple[list[Route], list[Step]]:
    """Those that share the oldest one's kind of parentRef, with or without port; of one age, with port."""
    if not candidates:
        return [], []
    oldest = min(candidates, key=lambda candidate: (candidate[0], candidate[2].port is None))
    with_port = oldest[2].port is not None
    older = "this port" if with_port else "all ports"
    text = "isn't merged with routes for {}, one of which is older"
    unmerged = [
        step(route.resource, f"{ref.path}.port", Action.OUTRANKED, text, older)
        for _, route, ref in candidates
        if (ref.port is not None) != with_port
    ]
    kept = {route.resource.key: route for _, route, ref in candidates if (ref.port is not None) == with_port}
    return list(kept.values()), unmerged

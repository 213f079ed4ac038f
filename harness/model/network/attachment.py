"""Which routes are about a parent: a Service, a Gateway, a Server, an EgressNetwork."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import gateway_api, linkerd
from harness.api.gateway_api.route import KINDS, Route
from harness.model.state.tables import grouped, per_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.model.state import State, Stored

Parent = tuple[str, str, str]

_GROUPS = (gateway_api.GROUP, linkerd.GROUP)


def naming(state: State, parent: Resource) -> list[Stored]:
    """Returns the routes of which a version names this parent, older first; the reader judges how."""
    return _by_parent(state).get((parent.kind, parent.namespace, parent.name), [])


def about(state: State, service: Resource) -> list[Stored]:
    """Returns the routes that name a Service, or no parent but it as backend or host; older first."""
    meant = _by_parent(state).get(("", service.namespace, service.name), [])
    every = {id(stored): stored for stored in (*naming(state, service), *meant)}
    return sorted(every.values(), key=lambda stored: stored.age)


@per_state
def _by_parent(state: State) -> dict[Parent, list[Stored]]:
    routes = (route for group in _GROUPS for kind in KINDS for route in state.stored(group, kind))
    aged = sorted(routes, key=lambda stored: stored.age)
    return grouped((parent, stored) for stored in aged for parent in dict.fromkeys(_parents(stored)))


def _parents(stored: Stored) -> Iterator[Parent]:
    for version in filter(None, (stored.live, stored.indexed)):  # Linkerd's index may hold another one
        route = Route.kept(version)
        for parent in route.parents:
            yield parent.kind, parent.namespace, parent.name
        if not route.parents:
            for host in route.hostnames:
                yield "", version.namespace, host.partition(".")[0]
            for backend in (backend for rule in route.rules for backend in rule.backends):
                yield "", backend.namespace, backend.name

"""Who may refer to objects of another namespace [Gateway API: ReferenceGrant]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.reference import ReferenceGrant
from harness.model.istio import revision
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import State

Grant = tuple[str, str, str, str, str]


def permits(state: State, source: Resource, kind: str, namespace: str, name: str) -> bool:
    """Returns whether an object of the Gateway API may refer to a core object (a Service, a Secret)."""
    if namespace == source.namespace:
        return True
    wanted = (source.kind, source.namespace, kind, namespace)
    return not _grants(state).isdisjoint(((*wanted, name), (*wanted, "")))


@per_state
def _grants(state: State) -> frozenset[Grant]:
    """From kind, from namespace, to kind, to namespace, to name; an empty name stands for all."""
    return frozenset(
        (source.kind, source.namespace, target.kind, grant.resource.namespace, target.name)
        for grant in map(ReferenceGrant.of, revision.acting(state, GROUP, "ReferenceGrant"))
        for source in grant.sources
        for target in grant.targets
        if source.group == GROUP and not target.group
    )

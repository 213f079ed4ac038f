"""Delegates: rules that a VirtualService leaves to another one, which has no hosts of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.istio.delegate import under, unusable
from harness.api.istio.virtual_service import VirtualService
from harness.model.istio import mesh_config, revision
from harness.model.istio.routing import virtual_service
from harness.model.state.tables import per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.istio.routing.rule import RoutingRule
    from harness.model.state import State


def rules(state: State, root: Resource, gateway: str) -> tuple[tuple[RoutingRule, ...], list[Step]]:
    """Returns all HTTP rules of a VirtualService for a gateway, with those that it delegates in their places.

    Also returns why a delegate, or one of its rules, doesn't count: it isn't there or isn't exported
    to the root's namespace, or the rule's matches contradict the root's.
    """
    if not virtual_service.delegates(root):
        return virtual_service.rules(root, gateway), []
    merged = _merged(state).get((root.namespace, root.name, gateway))
    return merged or ((), [])


@per_state
def _merged(state: State) -> dict[tuple[str, str, str], tuple[tuple[RoutingRule, ...], list[Step]]]:
    return {
        (root.namespace, root.name, gateway): _rules(state, root, gateway)
        for root in revision.acting(state, *VirtualService.KIND)
        if virtual_service.delegates(root)
        for gateway in virtual_service.gateways(root)
    }


def _rules(state: State, root: Resource, gateway: str) -> tuple[tuple[RoutingRule, ...], list[Step]]:
    kept: list[RoutingRule | None] = []
    lost: list[Step] = []
    exported = mesh_config.of(state).virtual_service_export_to
    for part in VirtualService.of(root).http:
        if not part.delegate:
            kept.append(virtual_service.rule(part, gateway))
            continue
        namespace, name = part.delegate.key
        leaf = state.get(*VirtualService.KIND, namespace, name)
        if leaf is not None and revision.is_apart(state, leaf):
            lost.append(revision.why_apart(state, leaf))
            leaf = None
        why = unusable(leaf, root, exported)
        if leaf is None or why:
            text = "VirtualService {}/{} {}: the rule is left out"
            lost.append(step(root, part.delegate.path, Action.IGNORED, text, namespace, name, why))
            continue
        text = "leaves its requests to the rules of {}"
        via = step(root, part.delegate.path, Action.LED, text, leaf)
        for own in VirtualService.of(leaf).http:
            merged = under(own, part)
            if merged is None:
                text = "is left out: a match of it contradicts all those of {} {}"
                lost.append(step(leaf, own.at("match"), Action.IGNORED, text, root, part.path))
            elif made := virtual_service.rule(merged, gateway):
                kept.append(replace(made, via=(via,)))
    return tuple(rule for rule in kept if rule), lost

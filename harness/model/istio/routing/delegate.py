"""Delegates: rules that a VirtualService leaves to another one, which has no hosts of its own.

[istio/istio: pilot/pkg/model/virtualservice.go, MergeHTTPRoutes]
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.api.istio import hosts
from harness.api.istio.hosts import full_host, visibility
from harness.api.objects import Fields, spec_of
from harness.model.istio import mesh_config
from harness.model.istio.routing import virtual_service
from harness.model.state.tables import per_state
from harness.traffic.trace import reason

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.istio.routing.rule import Rule
    from harness.model.state.state import State
    from harness.traffic.trace import Reason

_GROUP = ("networking.istio.io", "VirtualService")

INHERITED = (
    "rewrite",
    "directResponse",
    "timeout",
    "retries",
    "fault",
    "mirror",
    "mirrorPercent",
    "mirrorPercentage",
    "corsPolicy",
    "mirrors",
    "headers",
)
"""What a delegate's rule takes over from the root's where it doesn't say so itself."""
_TEXTS = ("uri", "scheme", "method", "authority")
_MAPS = ("headers", "withoutHeaders", "queryParams")


def rules(state: State, root: Resource, gateway: str) -> tuple[tuple[Rule, ...], list[Reason]]:
    """Returns all HTTP rules of a VirtualService for a gateway, with those that it delegates in their places.

    Also returns why a delegate, or one of its rules, doesn't count: it isn't there or isn't exported
    to the root's namespace, or the rule's matches contradict the root's.
    """
    if not _delegating(root):
        return virtual_service.rules(root, gateway), []
    merged = _merged(state).get((root.namespace, root.name, gateway))
    return merged or ((), [])


def _delegating(resource: Resource) -> bool:
    """Returns whether a VirtualService leaves rules to others."""
    return any(part.get("delegate") for part in spec_of(resource).get("http") or ())


@per_state
def _merged(state: State) -> dict[tuple[str, str, str], tuple[tuple[Rule, ...], list[Reason]]]:
    return {
        (root.namespace, root.name, gateway): _rules(state, root, gateway)
        for root in state.all(*_GROUP)
        if _delegating(root)
        for gateway in virtual_service.gateways(root)
    }


def _rules(state: State, root: Resource, gateway: str) -> tuple[tuple[Rule, ...], list[Reason]]:
    found: list[Rule | None] = []
    lost: list[Reason] = []
    for index, part in enumerate(spec_of(root).get("http") or ()):
        field = f"spec.http[{index}]"
        if not part.get("delegate"):
            found.append(virtual_service.rule(root, field, part, gateway))
            continue
        namespace, name = part["delegate"].get("namespace") or root.namespace, part["delegate"].get("name")
        leaf = state.get(*_GROUP, namespace, name or "")
        why = _unusable(state, leaf, root)
        if leaf is None or why:
            text = f"VirtualService {namespace}/{name} {why}: the rule is left out"
            lost.append(reason(root, f"{field}.delegate", text, lost=True))
            continue
        via = reason(root, f"{field}.delegate", f"leaves its requests to the rules of {leaf}")
        above = in_full(part, root.namespace)
        for i, own in enumerate(spec_of(leaf).get("http") or ()):
            made = _under(leaf, f"spec.http[{i}]", in_full(own, leaf.namespace), above, gateway)
            if isinstance(made, str):
                lost.append(reason(leaf, f"spec.http[{i}].match", f"{made} {root} {field}", lost=True))
            elif made:
                found.append(replace(made, via=(via,)))
    return tuple(rule for rule in found if rule), lost


def _under(leaf: Resource, field: str, own: Fields, root: Fields, gateway: str) -> Rule | str | None:
    """A delegate's rule with what it takes over from the root's, or why it is left out."""
    found = merged(own, root)
    if found is None:
        return "is left out: a match of it contradicts all those of"
    rule, places = found
    return virtual_service.rule(leaf, field, rule, gateway, [f"{field}{place}" for place in places])


def merged(own: Fields, root: Fields) -> tuple[Fields, list[str]] | None:
    """Returns a delegate's rule with what it takes over from the root's, and where each match stands in it.

    Both rules are `in_full`. None: a match contradicts all those of the root's, and the rule doesn't count.
    """
    matches = own.get("match") or []
    placed = [(f".match[{i}]", match) for i, match in enumerate(matches)]
    if root.get("match") and matches:
        fitting = [
            (place, _match(wide, match))
            for place, match in placed
            for wide in root["match"]
            if not _conflict(wide, match)
        ]
        if {place for place, _ in fitting} != {place for place, _ in placed}:
            return None
        placed = fitting
    elif root.get("match"):
        placed = [("", match) for match in root["match"]]
    inherited = {key: root[key] for key in INHERITED if key in root}
    return {**inherited, **own, "match": [match for _, match in placed]}, [place for place, _ in placed]


def _unusable(state: State, leaf: Resource | None, root: Resource) -> str:
    if leaf is None:
        return "isn't there"
    if spec_of(leaf).get("hosts"):
        return "has hosts of its own, so is no delegate"
    if visibility(leaf, root.namespace, mesh_config.of(state).virtual_service_export_to) is None:
        return f"isn't exported to {root.namespace}"
    return ""


def in_full(part: Fields, namespace: str) -> Fields:
    """Returns a rule with mirrors' hosts and gateways in full: short names are of its own namespace."""

    def full(destination: Fields) -> Fields:
        return {**destination, "host": full_host(destination["host"], namespace)}

    changed = dict(part)
    if part.get("mirror"):
        changed["mirror"] = full(part["mirror"])
    if part.get("mirrors"):
        changed["mirrors"] = [{**one, "destination": full(one["destination"])} for one in part["mirrors"]]
    if part.get("match"):
        changed["match"] = [
            {**one, "gateways": list(hosts.in_full(one.get("gateways") or (), namespace))}
            for one in part["match"]
        ]
    return changed


def _match(root: Fields, leaf: Fields) -> Fields:
    maps = {
        key: {**(root.get(key) or {}), **(leaf.get(key) or {})}
        for key in (*_MAPS, "sourceLabels")
        if key in root or key in leaf
    }
    gateways = {"gateways": leaf.get("gateways") or root.get("gateways") or []}
    return {**root, **leaf, **maps, **gateways}


def _conflict(root: Fields, leaf: Fields) -> bool:
    """Whether a delegate's match isn't a part of the root's."""
    pairs = [(root.get(name), leaf.get(name)) for name in _TEXTS]
    pairs += [
        ((root.get(part) or {}).get(name), text)
        for part in _MAPS
        for name, text in (leaf.get(part) or {}).items()
    ]
    labels, gateways = root.get("sourceLabels") or {}, root.get("gateways") or []
    namespace = root.get("sourceNamespace")
    return bool(
        any(_texts_conflict(wide, narrow) for wide, narrow in pairs)
        or bool(root.get("ignoreUriCase")) != bool(leaf.get("ignoreUriCase"))
        or (root.get("port") and leaf.get("port") and root["port"] != leaf["port"])
        or (namespace and leaf.get("sourceNamespace") != namespace)
        or any(labels.get(key, value) != value for key, value in (leaf.get("sourceLabels") or {}).items())
        or (gateways and not set(leaf.get("gateways") or ()) <= set(gateways))
    )


def _texts_conflict(root: Fields | None, leaf: Fields | None) -> bool:
    if root is None or leaf is None:
        return False
    if not any(root.values()) or not any(leaf.values()) or "regex" in root or "regex" in leaf:
        return True  # whether one expression is a part of another isn't looked into
    if "exact" in root:
        return bool(leaf.get("exact") != root["exact"])
    text: str = leaf.get("exact") or leaf.get("prefix") or ""
    return not text.startswith(root["prefix"])

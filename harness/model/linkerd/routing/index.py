"""Routes in the index of Linkerd's policy controller: which are about a parent, and what it can't read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import gateway_api
from harness.api.gateway_api.route import Route
from harness.api.linkerd import GROUP, annotation
from harness.base import expressions
from harness.base.expressions import Dialect
from harness.base.vocabulary import Mesh
from harness.model.network import attachment
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state import State

PRECEDENCE = ("GRPCRoute", "HTTPRoute", "TLSRoute", "TCPRoute")
"""The kinds of routes: those of one kind on a parent shut those of later kinds out."""

GROUPS = {"Service": ("", "core"), "EgressNetwork": (GROUP,), "Server": (GROUP,)}
"""The API groups by which routes may name their parents."""

READABLE = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier", "RequestRedirect"))

_READABLE_GRPC = frozenset(("RequestHeaderModifier", "ResponseHeaderModifier"))


def indexed(state: State, kind: str, parent: Resource) -> tuple[list[Route], list[Step]]:
    """Returns the routes of a kind about a parent, in the versions that the index holds.

    Older first, those of one age by their names alone. Also returns why a route, or its latest version,
    isn't among them.
    """
    groups = (gateway_api.GROUP, GROUP) if kind == "HTTPRoute" else (gateway_api.GROUP,)
    routes, lost = [], []
    for stored in sorted(attachment.about(state, parent), key=lambda s: (*s.age[:3], s.live.name)):
        if stored.live.group not in groups or stored.live.kind != kind:
            continue
        if unread := why_unread(state, stored.live):
            lost.append(step(stored.live, "apiVersion", Action.IGNORED, "{}: the route is ignored", unread))
            continue
        if stored.indexed is not stored.live:
            field = unreadable(stored.live) or ""
            kept = "the version before stays in force" if stored.indexed else "the route is ignored"
            text = "Linkerd's index can't read this: {}"
            lost.append(step(stored.live, field, Action.IGNORED, text, kept))
        if stored.indexed is not None:
            routes.append(Route.kept(stored.indexed))
    return routes, lost


def conflict(state: State, parent: Resource, kind: str, port: int | None) -> Resource | None:
    """Returns a route that keeps others of a kind from being accepted on a parent: one of a kind before it.

    It names the parent with the very same port, or none, and may be in any namespace
    [Gateway API: GEP-1426, route types].
    """
    before = PRECEDENCE[: PRECEDENCE.index(kind)]
    groups = GROUPS[parent.kind]
    for stored in attachment.naming(state, parent):
        if (
            stored.live.kind in before
            and not why_unread(state, stored.live)
            and any(
                (ref.kind, ref.namespace, ref.name, ref.port)
                == (parent.kind, parent.namespace, parent.name, port)
                and ref.group in groups
                for ref in Route.kept(stored.live).parents
            )
        ):
            return stored.live
    return None


def why_unread(state: State, route: Resource) -> str:
    """Returns why Linkerd doesn't watch a route's kind; empty if it does."""
    return state.served.unread(Mesh.LINKERD, route.kind) if route.group == gateway_api.GROUP else ""


def unreadable(resource: Resource) -> str | None:
    """Returns the first field that the index can't read, or None if it reads all (or it's no route)."""
    if resource.kind in ("TLSRoute", "TCPRoute"):
        return None if len(Route.kept(resource).written_rules) == 1 else "spec.rules"
    if resource.kind not in ("HTTPRoute", "GRPCRoute"):
        return None
    if fault := annotation.unreadable(resource):
        return fault.path
    readable = READABLE if resource.kind == "HTTPRoute" else _READABLE_GRPC
    for rule in Route.kept(resource).rules:
        for part in rule.filters:
            if part.type not in readable:
                return part.path
        for match in rule.matches:
            if match.rpc and match.rpc.is_regex:
                return f"{match.path}.method.type"
            for field, text in match.expressions:
                if expressions.fault(text.value, Dialect.RUST):
                    return field
    return None

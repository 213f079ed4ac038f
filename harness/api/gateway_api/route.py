"""The Gateway API's routes as both meshes read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from harness.api.headers import HeaderChanges
from harness.api.objects import Fields, spec_of
from harness.base.durations import seconds
from harness.base.kept import per_object
from harness.base.matching import Kind, TextMatch

if TYPE_CHECKING:
    from harness.base.resources import Resource

GROUP = "gateway.networking.k8s.io"

_PATH_KINDS: dict[str, Kind] = {"Exact": "exact", "PathPrefix": "segments", "RegularExpression": "regex"}


@dataclass(frozen=True)
class Parent:
    """What a route wants to attach to; `group` is None where the reference names none."""

    field: str
    group: str | None
    kind: str
    namespace: str
    name: str
    port: int | None
    section: str = ""

    def detached(self, parent: Resource, port: int, groups: tuple[str, ...]) -> str | None:
        """Returns why it doesn't attach to a parent's port for a mesh that knows it by these groups.

        Empty if it does attach, None if it isn't about this parent at all.
        """
        if (self.kind, self.namespace, self.name) != (parent.kind, parent.namespace, parent.name):
            return None
        written = f'write group: "{groups[0]}"'
        if self.group is None:
            return f"kind {self.kind} without group means Gateway API's group: no effect ({written})"
        if self.group not in groups:
            return f"group {self.group!r} isn't the {self.kind}'s: no effect ({written})"
        if self.port is not None and self.port != port:
            return f"is for port {self.port}, not {port}"
        return ""


@dataclass(frozen=True)
class Rpc:
    """The gRPC service and method that a GRPCRoute's match wants; None wants any."""

    service: str | None
    method: str | None
    kind: Literal["Exact", "RegularExpression"]


@dataclass(frozen=True)
class Match:
    """One match of a rule; `path` is None but in an HTTPRoute, `rpc` but in a GRPCRoute."""

    field: str
    path: TextMatch | None = None
    headers: tuple[tuple[str, TextMatch], ...] = ()
    query: tuple[tuple[str, TextMatch], ...] = ()
    method: str | None = None
    rpc: Rpc | None = None


@dataclass(frozen=True)
class Filter:
    """One filter: its type, and the fields of that type."""

    field: str
    type: str
    fields: Fields

    @property
    def header_changes(self) -> HeaderChanges:
        """What a header modifier does."""
        return HeaderChanges(
            tuple((entry["name"], entry["value"]) for entry in self.fields.get("set") or ()),
            tuple((entry["name"], entry["value"]) for entry in self.fields.get("add") or ()),
            tuple(self.fields.get("remove") or ()),
        )


@dataclass(frozen=True)
class Backend:
    """One backendRef, its defaults filled in."""

    field: str
    group: str
    kind: str
    namespace: str
    name: str
    port: int | None
    weight: int
    filters: tuple[Filter, ...]
    names_namespace: bool = False

    @property
    def is_service(self) -> bool:
        """Whether it refers to a Service."""
        return self.kind == "Service" and self.group in ("", "core")

    @property
    def is_host(self) -> bool:
        """Whether it is a host name, as Istio's registry knows it."""
        return (self.group, self.kind) == ("networking.istio.io", "Hostname")


@dataclass(frozen=True)
class Rule:
    """One rule of a route; timeouts are in seconds. TLSRoutes and TCPRoutes have no matches."""

    field: str
    matches: tuple[Match, ...]
    filters: tuple[Filter, ...]
    backends: tuple[Backend, ...]
    request_timeout: float | None
    backend_timeout: float | None


@dataclass(frozen=True)
class Route:
    """A route of any kind, whichever API group it is of."""

    resource: Resource
    parents: tuple[Parent, ...]
    hostnames: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def is_grpc(self) -> bool:
        """Whether it is a GRPCRoute."""
        return self.resource.kind == "GRPCRoute"


@per_object
def parse(resource: Resource) -> Route:
    """Returns an HTTPRoute, GRPCRoute, TLSRoute or TCPRoute with the API's defaults filled in."""
    spec = spec_of(resource)
    return Route(
        resource,
        tuple(
            _parent(resource, f"spec.parentRefs[{i}]", p) for i, p in enumerate(spec.get("parentRefs") or ())
        ),
        tuple(spec.get("hostnames") or ()),
        tuple(_rule(resource, f"spec.rules[{i}]", rule) for i, rule in enumerate(_rules(spec))),
    )


def _rules(spec: Fields) -> list[Fields]:
    # The API's default for absent rules is one rule that matches everything.
    return spec["rules"] if spec.get("rules") else [{}]


def _parent(resource: Resource, field: str, part: Fields) -> Parent:
    return Parent(
        field,
        part.get("group"),
        part.get("kind", "Gateway"),
        part.get("namespace") or resource.namespace,
        part["name"],
        part.get("port"),
        part.get("sectionName") or "",
    )


def _rule(resource: Resource, field: str, part: Fields) -> Rule:
    timeouts = part.get("timeouts") or {}
    return Rule(
        field,
        _matches(resource.kind, field, part),
        _filters(field, part),
        tuple(
            _backend(resource, f"{field}.backendRefs[{i}]", backend)
            for i, backend in enumerate(part.get("backendRefs") or ())
        ),
        seconds(timeouts.get("request")),
        seconds(timeouts.get("backendRequest")),
    )


def _matches(kind: str, field: str, part: Fields) -> tuple[Match, ...]:
    parse_match = {"HTTPRoute": _http_match, "GRPCRoute": _rpc_match}.get(kind)
    if parse_match is None:
        return ()
    return tuple(parse_match(f"{field}.matches[{i}]", m) for i, m in enumerate(part.get("matches") or ({},)))


def _http_match(field: str, part: Fields) -> Match:
    path = part.get("path") or {}
    return Match(
        field,
        TextMatch(_PATH_KINDS[path.get("type", "PathPrefix")], path.get("value", "/")),
        _named(part.get("headers")),
        _named(part.get("queryParams")),
        part.get("method"),
    )


def _rpc_match(field: str, part: Fields) -> Match:
    rpc = part.get("method") or {}
    wanted = Rpc(rpc.get("service"), rpc.get("method"), rpc.get("type", "Exact"))
    return Match(field, headers=_named(part.get("headers")), rpc=wanted)


def _named(entries: list[Fields] | None) -> tuple[tuple[str, TextMatch], ...]:
    return tuple(
        (
            entry["name"],
            TextMatch("exact" if entry.get("type", "Exact") == "Exact" else "regex", entry["value"]),
        )
        for entry in entries or ()
    )


def _filters(field: str, part: Fields) -> tuple[Filter, ...]:
    return tuple(
        Filter(f"{field}.filters[{i}]", entry["type"], entry.get(filter_field(entry["type"])) or {})
        for i, entry in enumerate(part.get("filters") or ())
    )


def filter_field(word: str) -> str:
    """Returns the field that holds what a filter (or a path modifier) of this type says."""
    return {"URLRewrite": "urlRewrite", "CORS": "cors"}.get(word, word[0].lower() + word[1:])


def _backend(resource: Resource, field: str, part: Fields) -> Backend:
    return Backend(
        field,
        part.get("group") or "",
        part.get("kind", "Service"),
        part.get("namespace") or resource.namespace,
        part["name"],
        part.get("port"),
        part.get("weight", 1),
        _filters(field, part),
        names_namespace=bool(part.get("namespace")),
    )

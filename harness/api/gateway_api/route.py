"""The Gateway API's routes, and Linkerd's HTTPRoute of the same shape, as both meshes read them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from harness.api import field
from harness.api.gateway_api.filters import RouteFilter
from harness.api.gateway_api.reference import ParentRef, TargetRef
from harness.api.kubernetes.status import StatusCondition
from harness.api.node import Node, Spec, Status
from harness.base.durations import seconds
from harness.base.matching import Kind, TextMatch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from harness.base.resources import Resource


KINDS = ("HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute")
"""The kinds of routes."""

_PATH_KINDS: dict[str, Kind] = {"Exact": "exact", "PathPrefix": "segments", "RegularExpression": "regex"}


@dataclass(frozen=True)
class Rpc:
    """The gRPC service and method that a GRPCRoute's match wants; None wants any."""

    service: str | None
    method: str | None
    is_regex: bool


Written: TypeAlias = tuple[str, TextMatch]
"""A field, and what is written in it."""


class NamedMatch(Node):
    """A header or query parameter that a request must have, with a value or a pattern for it."""

    _name = field.text("name")
    _type = field.text("type", "Exact")
    _value = field.text("value")

    def pair(self) -> tuple[str, TextMatch]:
        """Returns the name, and what its value must be."""
        return self._name, TextMatch("exact" if self._type == "Exact" else "regex", self._value)


class PathMatch(Node):
    """The path that a request must have, by default any."""

    _type = field.text("type", "PathPrefix")
    _value = field.text("value", "/")

    def condition(self) -> TextMatch:
        """Returns what the path must be."""
        return TextMatch(_PATH_KINDS[self._type], self._value)


class MethodMatch(Node):
    """The service and method of a gRPC call."""

    _type = field.text("type", "Exact")
    _service = field.optional("service")
    _method = field.optional("method")

    def rpc(self) -> Rpc:
        """Returns them as what a call must be."""
        return Rpc(self._service, self._method, self._type == "RegularExpression")


class HTTPMatch(Node):
    """A match of an HTTPRoute; without conditions it takes every request."""

    path_match = field.value("path", PathMatch, PathMatch.condition)
    headers = field.values("headers", NamedMatch, NamedMatch.pair)
    query = field.values("queryParams", NamedMatch, NamedMatch.pair)
    method = field.optional("method")
    rpc = None

    @property
    def expressions(self) -> tuple[Written, ...]:
        """The regular expressions, each with its field."""
        path = (f"{self.at('path')}.value", self.path_match)
        texts = (*_written(self.at("headers"), self.headers), path)
        texts += _written(self.at("queryParams"), self.query)
        return tuple(pair for pair in texts if pair[1].kind == "regex")


class RPCMatch(Node):
    """A match of a GRPCRoute; without conditions it takes every call. Path and method are the call's."""

    path_match, query, method = None, (), None
    rpc = field.value("method", MethodMatch, MethodMatch.rpc)
    headers = field.values("headers", NamedMatch, NamedMatch.pair)

    @property
    def expressions(self) -> tuple[Written, ...]:
        """The regular expressions for headers, each with its field."""
        texts = _written(self.at("headers"), self.headers)
        return tuple(pair for pair in texts if pair[1].kind == "regex")


class AnyCall(RPCMatch):
    """What a GRPCRoute's rule without matches takes: everything, for Linkerd whatever isn't a call, too."""


RouteMatch: TypeAlias = HTTPMatch | RPCMatch


def _written(field: str, named: tuple[tuple[str, TextMatch], ...]) -> tuple[Written, ...]:
    return tuple((f"{field}[{index}].value", text) for index, (_, text) in enumerate(named))


def _match(resource: Resource, path: str, data: Mapping[str, Any] | None) -> RouteMatch:
    return (RPCMatch if resource.kind == "GRPCRoute" else HTTPMatch)(resource, path, data)


class BackendRef(TargetRef):
    """Where a share of a rule's requests goes."""

    weight = field.count("weight", 1)
    filters = field.nodes("filters", RouteFilter)


class RouteTimeouts(Node):
    """How long requests may take, as it is written."""

    request = field.text("request")
    backend_request = field.text("backendRequest")


class RouteRetry(Node):
    """What is sent again, and how often at most."""

    attempts = field.count("attempts", 2)
    codes = field.integers("codes")


class RouteRule(Node):
    """One rule of a route."""

    retry = field.optional_node("retry", RouteRetry)

    filters = field.nodes("filters", RouteFilter)
    backends = field.nodes("backendRefs", BackendRef)
    timeouts = field.optional_node("timeouts", RouteTimeouts)
    session = field.optional_node("sessionPersistence", Node)
    written_matches = field.nodes("matches", _match)

    @field.derived
    def matches(self) -> tuple[RouteMatch, ...]:
        """Its matches, by default one for every request; TLSRoutes and TCPRoutes have none."""
        if self.resource.kind not in ("HTTPRoute", "GRPCRoute"):
            return ()
        default = AnyCall if self.resource.kind == "GRPCRoute" else HTTPMatch
        return self.written_matches or (default(self.resource, f"{self.path}.matches[0]", None),)

    @field.derived
    def request_timeout(self) -> float | None:
        """The limit on a whole request, in seconds."""
        return seconds(self.timeouts.request) if self.timeouts else None

    @field.derived
    def backend_timeout(self) -> float | None:
        """The limit on one try to a backend, in seconds."""
        return seconds(self.timeouts.backend_request) if self.timeouts else None


class Route(Spec):
    """An HTTPRoute, GRPCRoute, TLSRoute or TCPRoute, the API's defaults filled in."""

    parents = field.nodes("parentRefs", ParentRef)
    hostnames = field.texts("hostnames")
    written_rules = field.nodes("rules", RouteRule)

    @field.derived
    def rules(self) -> tuple[RouteRule, ...]:
        """Its rules: an HTTPRoute that doesn't write any has one that takes everything.

        A GRPCRoute without has none, nor has one of Linkerd's with an empty list: they take nothing
        [Gateway API: only HTTPRoute's CRD has a default for its rules].
        """
        if self.is_grpc or self.has("rules"):
            return self.written_rules
        return (RouteRule(self.resource, "spec.rules[0]", None),)

    @property
    def is_grpc(self) -> bool:
        return self.resource.kind == "GRPCRoute"


class RouteParentStatus(Node):
    """What one controller says of a route on one parent."""

    controller = field.text("controllerName")
    parent = field.node("parentRef", ParentRef)
    conditions = field.nodes("conditions", StatusCondition)


class RouteStatus(Status):
    """What all controllers say."""

    parents = field.nodes("parents", RouteParentStatus)

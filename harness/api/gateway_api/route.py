"""The Gateway API's routes, and Linkerd's HTTPRoute of the same shape, as both meshes read them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.api.gateway_api.filters import RouteFilter
from harness.api.gateway_api.reference import ParentRef, TargetRef
from harness.api.node import Node, Spec, count, node, nodes, optional, text, texts
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


class NamedMatch(Node):
    """A header or query parameter that a request must have, with a value or a pattern for it."""

    name = text("name")
    type = text("type", "Exact")
    value = text("value")

    @property
    def pair(self) -> tuple[str, TextMatch]:
        """The name, and what its value must be."""
        return self.name, TextMatch("exact" if self.type == "Exact" else "regex", self.value)

    @property
    def written(self) -> tuple[str, TextMatch]:
        """The field of the value or pattern, and what it means."""
        return self.at("value"), self.pair[1]


class PathMatch(Node):
    """The path that a request must have."""

    type = text("type", "PathPrefix")
    value = text("value", "/")


class MethodMatch(Node):
    """The service and method of a gRPC call."""

    type = text("type", "Exact")
    service = optional("service")
    method = optional("method")


class RouteMatch(Node):
    """One match of a rule; without conditions it takes every request."""

    _headers = nodes("headers", NamedMatch)

    @cached_property
    def headers(self) -> tuple[tuple[str, TextMatch], ...]:
        """The headers that it wants."""
        return tuple(match.pair for match in self._headers)

    @property
    def expressions(self) -> tuple[tuple[str, TextMatch], ...]:
        """The regular expressions for texts, each with its field."""
        return tuple(match.written for match in self._headers if match.pair[1].kind == "regex")

    @property
    def path_match(self) -> TextMatch | None:
        """The path that an HTTPRoute's wants."""
        return None

    @property
    def query(self) -> tuple[tuple[str, TextMatch], ...]:
        """The query parameters that an HTTPRoute's wants."""
        return ()

    @property
    def method(self) -> str | None:
        """The HTTP method that an HTTPRoute's wants."""
        return None

    @property
    def rpc(self) -> Rpc | None:
        """The call that a GRPCRoute's wants."""
        return None


class HTTPMatch(RouteMatch):
    """A match of an HTTPRoute."""

    _path_match = node("path", PathMatch)
    _query = nodes("queryParams", NamedMatch)
    _method = optional("method")

    @cached_property
    def path_match(self) -> TextMatch:
        """The path that it wants, by default every one."""
        return TextMatch(_PATH_KINDS[self._path_match.type], self._path_match.value)

    @property
    def expressions(self) -> tuple[tuple[str, TextMatch], ...]:
        """The regular expressions for texts, each with its field."""
        texts = ((self._path_match.at("value"), self.path_match), *(match.written for match in self._query))
        return (*super().expressions, *((field, text) for field, text in texts if text.kind == "regex"))

    @cached_property
    def query(self) -> tuple[tuple[str, TextMatch], ...]:
        """The query parameters that it wants."""
        return tuple(match.pair for match in self._query)

    @property
    def method(self) -> str | None:
        """The HTTP method that it wants."""
        return self._method


class RPCMatch(RouteMatch):
    """A match of a GRPCRoute."""

    _call = node("method", MethodMatch)

    @cached_property
    def rpc(self) -> Rpc:
        """The call that it wants."""
        return Rpc(self._call.service, self._call.method, self._call.type == "RegularExpression")


def _match(resource: Resource, path: str, data: Mapping[str, Any] | None) -> RouteMatch:
    return (RPCMatch if resource.kind == "GRPCRoute" else HTTPMatch)(resource, path, data)


class BackendRef(TargetRef):
    """Where a share of a rule's requests goes."""

    weight = count("weight", 1)
    filters = nodes("filters", RouteFilter)


class RouteTimeouts(Node):
    """How long requests may take, as it is written."""

    request = text("request")
    backend_request = text("backendRequest")


class RouteRule(Node):
    """One rule of a route."""

    filters = nodes("filters", RouteFilter)
    backends = nodes("backendRefs", BackendRef)
    timeouts = node("timeouts", RouteTimeouts)
    written_matches = nodes("matches", _match)

    @cached_property
    def matches(self) -> tuple[RouteMatch, ...]:
        """Its matches, by default one for every request; TLSRoutes and TCPRoutes have none."""
        if self.resource.kind not in ("HTTPRoute", "GRPCRoute"):
            return ()
        return self.written_matches or (_match(self.resource, f"{self.path}.matches[0]", None),)

    @cached_property
    def request_timeout(self) -> float | None:
        """The limit on a whole request, in seconds."""
        return seconds(self.timeouts.request)

    @cached_property
    def backend_timeout(self) -> float | None:
        """The limit on one try to a backend, in seconds."""
        return seconds(self.timeouts.backend_request)


class Route(Spec):
    """An HTTPRoute, GRPCRoute, TLSRoute or TCPRoute, the API's defaults filled in."""

    parents = nodes("parentRefs", ParentRef)
    hostnames = texts("hostnames")
    written_rules = nodes("rules", RouteRule)

    @cached_property
    def rules(self) -> tuple[RouteRule, ...]:
        """Its rules, by default one that takes everything."""
        return self.written_rules or (RouteRule(self.resource, "spec.rules[0]", None),)

    @property
    def is_grpc(self) -> bool:
        """Whether it is a GRPCRoute."""
        return self.resource.kind == "GRPCRoute"

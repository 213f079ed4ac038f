"""Filters of the Gateway API's routes: what happens to a request on its way, or to its answer."""

from __future__ import annotations

from harness.api import field
from harness.api.gateway_api.reference import TargetRef
from harness.api.headers import UNCHANGED, HeaderChanges
from harness.api.node import Node


class HeaderValue(Node):
    """A header, and the value that it gets."""

    _name = field.text("name")
    _value = field.text("value")

    def pair(self) -> tuple[str, str]:
        """Returns both."""
        return self._name, self._value


class HeaderModifier(Node):
    """Headers that are set, added, taken away."""

    _set = field.values("set", HeaderValue, HeaderValue.pair)
    _add = field.values("add", HeaderValue, HeaderValue.pair)
    _remove = field.texts("remove")

    def changes(self) -> HeaderChanges:
        """Returns what it does to headers."""
        return HeaderChanges(self._set, self._add, self._remove)


class PathModifier(Node):
    """What a path becomes: another one, or another prefix in place of the one that was matched."""

    type = field.text("type")
    full = field.optional("replaceFullPath")
    prefix = field.optional("replacePrefixMatch")


class RequestRedirect(Node):
    """Where a client is sent instead; `status` is the API's default, 302, if it isn't said."""

    scheme = field.optional("scheme")
    hostname = field.optional("hostname")
    port = field.integer("port")
    path_modifier = field.node("path", PathModifier)
    status = field.count("statusCode", 302)


class URLRewrite(Node):
    """What the backend gets to see in place of the client's host and path."""

    hostname = field.text("hostname")
    path_modifier = field.node("path", PathModifier)


class MirrorFraction(Node):
    """A share of requests."""

    numerator = field.count("numerator")
    denominator = field.count("denominator", 100)


class RequestMirror(Node):
    """Where copies of requests go, and of how many."""

    to = field.node("backendRef", TargetRef)
    fraction = field.node("fraction", MirrorFraction)
    _percent = field.count("percent", 100)

    @property
    def percent(self) -> float:
        """Of which share of requests, in percent."""
        if self.fraction:
            return 100 * self.fraction.numerator / self.fraction.denominator
        return self._percent


class CORSFilter(Node):
    """Which web pages of other origins may call; `max_age` is in seconds."""

    origins = field.texts("allowOrigins")
    methods = field.texts("allowMethods")
    headers = field.texts("allowHeaders")
    exposed = field.texts("exposeHeaders")
    credentials = field.boolean("allowCredentials")
    max_age = field.count("maxAge", 5)


class RouteFilter(Node):
    """One filter; what counts of it is the field of its type."""

    type = field.text("type")
    redirect = field.node("requestRedirect", RequestRedirect)
    rewrite = field.node("urlRewrite", URLRewrite)
    mirror = field.node("requestMirror", RequestMirror)
    cors = field.node("cors", CORSFilter)
    _request = field.value("requestHeaderModifier", HeaderModifier, HeaderModifier.changes)
    _response = field.value("responseHeaderModifier", HeaderModifier, HeaderModifier.changes)

    @property
    def header_changes(self) -> HeaderChanges:
        """What a header modifier does; nothing for other types."""
        match self.type:
            case "RequestHeaderModifier":
                return self._request
            case "ResponseHeaderModifier":
                return self._response
        return UNCHANGED


def filter_field(word: str) -> str:
    """Returns the field that holds what a filter (or a path modifier) of this type says."""
    return {"URLRewrite": "urlRewrite", "CORS": "cors"}.get(word, word[0].lower() + word[1:])

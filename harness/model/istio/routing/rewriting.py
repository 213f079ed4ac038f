"""How Envoy changes a request's path and authority, where it redirects to, what it tells browsers (CORS)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.headers import HeaderChanges, Headers, without
from harness.base import matching
from harness.base.matching import TextMatch
from harness.base.records import with_fields
from harness.model import replies

if TYPE_CHECKING:
    from harness.model.istio.routing.rule import Redirect, Rewrite, RoutingMatch, RoutingRule
    from harness.model.message import Message
    from harness.traffic.outcomes import Outcome

_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = ("host", ":authority")


def forwarded(
    message: Message, rule: RoutingRule, match: RoutingMatch | None, by_destination: HeaderChanges
) -> Message:
    """Returns the request as it is sent on; x-envoy-original-path and -host tell what was replaced."""
    headers = message.headers
    for change in (by_destination, rule.request_headers):
        if change:
            headers = without(change.apply(headers), _AUTHORITY)
    changed = with_fields(message, headers=headers)
    if rule.rewrite.mode:
        path = rewritten_path(message.path, rule.rewrite, match)
        changed = with_fields(changed, path=path).plus(("x-envoy-original-path", message.target))
    # What the rule says comes before what the destination does [istio/istio: route.processDestination].
    authority = rule.rewrite.authority or _authority(rule.request_headers) or _authority(by_destination)
    if authority:
        changed = with_fields(changed, authority=authority).plus(("x-envoy-original-host", message.authority))
    return changed


def _authority(changes: HeaderChanges) -> str:
    """The authority that header operations set; one that is added counts if none is set."""
    named = [value for name, value in changes.add + changes.set if name.lower() in _AUTHORITY]
    return named[-1] if named else ""


def rewritten_path(path: str, rewrite: Rewrite, match: RoutingMatch | None) -> str:
    """Returns the path after a rewrite; a rule that matches no uri is taken as the prefix `/`."""
    uri = match.uri if match else None
    match rewrite.mode:
        case "":
            return path
        case "path":
            return rewrite.path
        case "regex":
            return matching.substituted(path, rewrite.pattern, rewrite.path)
        case "segments":
            return _replaced(path, uri.value if uri else "/", rewrite.path.removesuffix("/"))
        case "match":
            if uri is not None and uri.kind in ("exact", "regex"):
                return rewrite.path
            return rewrite.path + path[len(uri.value if uri else "/") :]


def _replaced(path: str, prefix: str, replacement: str) -> str:
    """Returns a path with another prefix, as Istio has Envoy do it for ReplacePrefixMatch.

    The prefix `/` is one character, so `/n` in its place makes `/nx` of `/x`; without a replacement the
    path keeps a slash [istio/istio: route.applyHTTPRouteDestination].
    """
    rest = path[len(prefix) :]
    return replacement + rest if replacement else "/" + rest.removeprefix("/")


_WITH_PORT = TextMatch("regex", ".*:[0-9]+")


def location(message: Message, redirect: Redirect, match: RoutingMatch | None, port: int) -> str:
    """Returns a redirect's Location; the query stays [Envoy: RouteEntryImplBase::newUri]."""
    scheme = redirect.scheme or message.scheme
    wanted = redirect.port or (port if redirect.keep_port else None)
    if wanted == _DEFAULT_PORTS.get(scheme):  # such a port istiod doesn't write [istio/istio: ApplyRedirect]
        wanted = None
    host = redirect.authority or message.authority
    if not redirect.authority:
        # The request's own port goes where it changes, or was the default of the scheme before.
        default = f":{_DEFAULT_PORTS.get(message.scheme)}"
        left = scheme != message.scheme and message.authority.endswith(default)
        if left or (wanted and _WITH_PORT.holds(message.authority)):
            host = message.host
    if wanted:
        host = f"{host}:{wanted}"
    path = message.path
    if redirect.path is not None:
        path = redirect.path
    elif redirect.prefix:
        uri = match.uri if match else None
        path = redirect.prefix + path[len(uri.value if uri else "/") :]
    query = f"?{message.query}" if message.query and "?" not in path else ""
    return f"{scheme}://{host}{path}{query}"


@dataclass(frozen=True)
class Cors:
    """Which origins may ask what; `max_age` in seconds; `forwards`: preflights of others go to the server."""

    origins: tuple[TextMatch, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age: str = ""
    credentials: bool = False
    forwards: bool = True

    def allowed(self, message: Message) -> str:
        """Returns the request's origin if it is one that may ask, else an empty text."""
        origin = message.header("origin") or ""
        # What matches a lone asterisk lets every origin in.
        return origin if any(pattern.holds("*") or pattern.holds(origin) for pattern in self.origins) else ""

    def preflight(self, message: Message) -> Outcome | None:
        """Returns the proxy's own answer to a preflight; None for what goes on to the server."""
        method = message.header("access-control-request-method")
        if message.method != "OPTIONS" or not message.header("origin") or not method:
            return None
        origin = self.allowed(message)
        if not origin and self.forwards:
            return None
        headers = ",".join(self.headers)
        if self.headers == ("*",):
            headers = message.header("access-control-request-headers") or ""
        fields = (
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true" if self.credentials else ""),
            ("access-control-allow-methods", method if self.methods == ("*",) else ",".join(self.methods)),
            ("access-control-allow-headers", headers),
            ("access-control-max-age", self.max_age),
            # The answer goes through the filter's other side, too, which adds it for allowed origins.
            ("access-control-expose-headers", ",".join(self.exposed) if origin else ""),
        )
        return replies.envoy(message, 200, headers=tuple((name, text) for name, text in fields if text))

    def on_response(self, message: Message, headers: Headers) -> Headers:
        """Returns an answer's headers with those that tell a browser that the origin may read it."""
        origin = self.allowed(message)
        if not origin:
            return headers
        fields = (
            ("access-control-allow-origin", origin),
            ("access-control-allow-credentials", "true" if self.credentials else ""),
            ("access-control-expose-headers", ",".join(self.exposed)),
        )
        return HeaderChanges(set=tuple((name, text) for name, text in fields if text)).apply(headers)

"""How Envoy changes a request's path and authority, and where it redirects to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import expressions, matching
from harness.base.records import with_fields

if TYPE_CHECKING:
    from harness.api.headers import HeaderChanges
    from harness.model.istio.routing.rule import Redirect, Rewrite, RoutingMatch, RoutingRule
    from harness.model.message import Message

_DEFAULT_PORTS = {"http": 80, "https": 443}
_AUTHORITY = ("host", ":authority")


def forwarded(
    message: Message, rule: RoutingRule, match: RoutingMatch | None, by_destination: HeaderChanges
) -> Message:
    """Returns the request as it is sent on; x-envoy-original-path and -host tell what was replaced."""
    headers = message.headers
    for change in (by_destination, rule.request_headers):
        headers = tuple(header for header in change.apply(headers) if header[0] not in _AUTHORITY)
    changed = with_fields(message, headers=headers)
    path = rewritten_path(message.path, rule.rewrite, match)
    if path != message.path or rule.rewrite.mode:
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
            return expressions.substitute(rewrite.pattern, rewrite.path, path)
        case "segments":
            return matching.replace_prefix(path, uri.value if uri else "/", rewrite.path)
        case "match":
            if uri is not None and uri.kind in ("exact", "regex"):
                return rewrite.path
            return rewrite.path + path[len(uri.value if uri else "/") :]


def location(message: Message, redirect: Redirect, match: RoutingMatch | None, port: int) -> str:
    """Returns a redirect's Location; the query stays [Envoy: RouteEntryImplBase::newUri]."""
    scheme = redirect.scheme or message.scheme
    wanted = redirect.port or (port if redirect.keep_port else None)
    name, colon, written = message.authority.rpartition(":")
    host = redirect.authority or message.authority
    if not redirect.authority and colon and written.isdigit():
        # The request's own port goes where it changes, or was the default of the scheme before.
        left = scheme != message.scheme and int(written) == _DEFAULT_PORTS.get(message.scheme)
        host = name if wanted or left else message.authority
    if wanted and wanted != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{wanted}"
    path = message.path
    if redirect.path is not None:
        path = redirect.path
    elif redirect.prefix is not None:
        uri = match.uri if match else None
        if uri and uri.kind == "segments":
            path = matching.replace_prefix(path, uri.value, redirect.prefix)
        else:
            path = redirect.prefix + path[len(uri.value if uri else "/") :]
    query = f"?{message.query}" if message.query and "?" not in path else ""
    return f"{scheme}://{host}{path}{query}"

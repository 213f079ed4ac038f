"""How Envoy changes a request's path and authority, and where it redirects to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import matching

if TYPE_CHECKING:
    from harness.model.istio.route import Match, Redirect, Rewrite, Rule
    from harness.model.message import HeaderChanges, Message

_DEFAULT_PORTS = {"http": 80, "https": 443}


def forwarded(
    message: Message, rule: Rule, match: Match | None, changes: tuple[HeaderChanges, ...]
) -> Message:
    """Returns the request as it is sent on: headers changed, then path and authority rewritten.

    `changes` are those of the destination, then of the rule. What was replaced is told in
    x-envoy-original-path and x-envoy-original-host.
    """
    headers = message.headers
    authority = rule.rewrite.authority
    for change in changes:
        headers = change.apply(headers)
        for name, value in change.set:
            if name.lower() in ("host", ":authority"):
                authority = value
    headers = tuple((name, value) for name, value in headers if name not in ("host", ":authority"))
    changed = replace(message, headers=headers)
    path = rewritten_path(message.path, rule.rewrite, match)
    if path != message.path or rule.rewrite.mode:
        changed = replace(changed, path=path).plus(("x-envoy-original-path", message.target))
    if authority:
        changed = replace(changed, authority=authority).plus(("x-envoy-original-host", message.authority))
    return changed


def rewritten_path(path: str, rewrite: Rewrite, match: Match | None) -> str:
    """Returns the path after a rewrite; a rule that matches no uri is taken as the prefix `/`."""
    uri = match.uri if match else None
    match rewrite.mode:
        case "":
            return path
        case "path":
            return rewrite.path
        case "regex":
            return matching.substitute(rewrite.pattern, rewrite.path, path)
        case "segments":
            return matching.replace_prefix(path, uri.value if uri else "/", rewrite.path)
        case "match":
            if uri is not None and uri.kind in ("exact", "regex"):
                return rewrite.path
            return rewrite.path + path[len(uri.value if uri else "/") :]


def location(message: Message, redirect: Redirect, match: Match | None, port: int) -> str:
    """Returns a redirect's Location; the query stays [Envoy: RouteEntryImplBase::newUri]."""
    scheme = redirect.scheme or "http"
    host = redirect.authority or message.authority
    wanted = redirect.port or (port if redirect.keep_port else None)
    name, colon, written = host.rpartition(":")
    if colon and written.isdigit() and (wanted or int(written) == _DEFAULT_PORTS[_other(scheme)]):
        host = name
    if wanted and wanted != _DEFAULT_PORTS.get(scheme):
        host = f"{host}:{wanted}"
    path = message.path
    if redirect.path is not None:
        path = redirect.path
    elif redirect.prefix is not None:
        uri = match.uri if match else None
        path = matching.replace_prefix(path, uri.value if uri else "/", redirect.prefix)
    query = f"?{message.query}" if message.query and "?" not in path else ""
    return f"{scheme}://{host}{path}{query}"


def _other(scheme: str) -> str:
    return "http" if scheme == "https" else "https"

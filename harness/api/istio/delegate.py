"""Delegates: rules that a VirtualService leaves to another one, which has no hosts of its own.

[istio/istio: pilot/pkg/model/virtualservice.go, mergeHTTPRoutes]
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.istio.hosts import visibility
from harness.api.istio.http_rule import HTTPMatchRequest, HTTPRule
from harness.api.istio.virtual_service import VirtualService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.istio.destination import Destination
    from harness.api.istio.http_rule import StringMatch
    from harness.base.resources import Resource

INHERITED = tuple(
    "rewrite directResponse timeout retries fault mirror mirrorPercent mirrorPercentage corsPolicy mirrors "
    "headers".split()
)
"""What a delegate's rule takes over from the root's where it doesn't say so itself."""

_MAPS = ("headers", "withoutHeaders", "queryParams", "sourceLabels")

Fields = dict[str, Any]


class DelegatedRule(HTTPRule):
    """A delegate's rule, under the root's: each of its matches knows its place in the delegate."""

    def __init__(self, own: HTTPRule, data: Fields, matches: Sequence[HTTPMatchRequest]) -> None:
        super().__init__(own.resource, own.path, {**data, "match": [match.data for match in matches]})
        vars(self)["matches"] = tuple(matches)


def under(own: HTTPRule, root: HTTPRule) -> DelegatedRule | None:
    """Returns a delegate's rule with what it takes over from the root's.

    Names of hosts and gateways in it are in full. None: a match of it contradicts all those of the root's,
    and the rule doesn't count.
    """
    matches = [_joined(own, match.path, None, match) for match in own.matches]
    if root.matches and own.matches:
        fitting = [
            (match, wide) for match in own.matches for wide in root.matches if not _conflict(wide, match)
        ]
        if len({match.path for match, _ in fitting}) != len(own.matches):
            return None
        matches = [_joined(own, match.path, wide, match) for match, wide in fitting]
    elif root.matches:
        matches = [_joined(own, own.path, None, match) for match in root.matches]
    inherited = {key: value for key, value in _in_full(root).items() if key in INHERITED}
    return DelegatedRule(own, {**inherited, **_in_full(own)}, matches)


def unusable(
    delegate: Resource | None, root: Resource, exported: Sequence[str], absent: str = "isn't there"
) -> str:
    """Returns why a root's rule can't be left to an object, empty if it can; `absent` tells of none.

    `exported` is what an absent exportTo stands for.
    """
    if delegate is None:
        return absent
    if not VirtualService.of(delegate).is_delegate:
        return "has hosts of its own, so is no delegate"
    if visibility(delegate, root.namespace, exported) is None:
        return f"isn't exported to {root.namespace}"
    return ""


def _in_full(rule: HTTPRule) -> Fields:
    """A rule with the hosts of mirrors in full: short names are of its own namespace."""
    changed = _written(rule)
    if rule.mirror:
        changed["mirror"] = _full(rule.mirror)
    if rule.mirrors:
        changed["mirrors"] = [
            {**policy.data, "destination": _full(policy.destination)} for policy in rule.mirrors
        ]
    return changed


def _full(destination: Destination) -> Fields:
    return {**destination.data, "host": destination.required("host").full_host}


def _written(part: HTTPRule | HTTPMatchRequest) -> Fields:
    return {key: value for key, value in part.data.items() if value is not None}


def _joined(
    own: HTTPRule, place: str, wide: HTTPMatchRequest | None, match: HTTPMatchRequest
) -> HTTPMatchRequest:
    """A match of a delegate's rule, with what a match of the root's that it is a part of asks beside it."""
    data = _written(match)
    if wide is not None:
        above = _written(wide)
        maps = {key: {**above.get(key, {}), **data.get(key, {})} for key in _MAPS if key in above}
        data = {**above, **data, **maps}
    bound = match.bound or (wide.bound if wide else ())
    return HTTPMatchRequest(own.resource, place, {**data, "gateways": list(bound)})


def _conflict(root: HTTPMatchRequest, own: HTTPMatchRequest) -> bool:
    """Whether a delegate's match isn't a part of the root's."""
    texts = (
        ("uri", root.uri, own.uri),
        ("scheme", root.scheme, own.scheme),
        ("method", root.method, own.method),
        ("authority", root.authority, own.authority),
    )
    pairs = [(wide, narrow) for key, wide, narrow in texts if root.has(key) and own.has(key)]
    for wide, narrow in (
        (root.headers, own.headers),
        (root.without_headers, own.without_headers),
        (root.query_params, own.query_params),
    ):
        pairs += [(wide[name], text) for name, text in narrow.items() if name in wide]
    return bool(
        any(_texts_conflict(wide, narrow) for wide, narrow in pairs)
        or root.ignore_uri_case != own.ignore_uri_case
        or (root.port and own.port and root.port != own.port)
        or (root.source_namespace and own.source_namespace != root.source_namespace)
        or any(root.source_labels.get(key, value) != value for key, value in own.source_labels.items())
        or (root.bound and not set(own.bound) <= set(root.bound))
    )


def _texts_conflict(root: StringMatch, own: StringMatch) -> bool:
    if not any(root.data.values()) or not any(own.data.values()) or root.regex or own.regex:
        return True  # whether one expression is a part of another isn't looked into
    if root.exact:
        return own.exact != root.exact
    return not (own.exact or own.prefix).startswith(root.prefix)

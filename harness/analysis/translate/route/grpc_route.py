"""VirtualServices' rules for a port that is declared gRPC, as GRPCRoutes where those can say them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from harness.analysis.translate.route.routes import Written, chunks, named, runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from harness.analysis.translate.draft import Fields
    from harness.analysis.translate.route.matches import RequestMatch
    from harness.analysis.translate.route.order import Choice
    from harness.analysis.translate.route.routes import Backends
    from harness.analysis.translate.route.virtual_service import TranslatedRule

_SERVICE = re.compile(r"\.?[a-z_][a-z_0-9]*(\.[a-z_][a-z_0-9]*)*", re.IGNORECASE)
_METHOD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
"""What a route can name [Gateway API: GRPCMethodMatch]."""
_HTTP_RETRY = "retry.linkerd.io/http"
_FILTERS = ("RequestHeaderModifier", "ResponseHeaderModifier")


def rank(match: RequestMatch) -> tuple[Any, ...]:
    """Returns a match's rank in Linkerd: the service's length, the method's, headers [linkerd2-proxy]."""
    service, method = _call(match) or ("", "")
    return (len(service), len(method), len(match.headers))


def sayable(rules: Sequence[TranslatedRule], choices: Iterable[Choice]) -> bool:
    """Returns whether GRPCRoutes can say all of this: calls by service and method, and no HTTP statuses."""
    choices = tuple(choices)
    used = [rules[index] for index in dict.fromkeys(choice.rule for choice in choices)]
    return all(_sayable(choice.match) for choice in choices) and not any(
        _HTTP_RETRY in dict(rule.annotations) or any(part["type"] not in _FILTERS for part in rule.filters)
        for rule in used
    )


def differences(rules: Sequence[TranslatedRule], choices: Iterable[Choice]) -> Iterator[str]:
    """Yields how calls and other requests fare differently under GRPCRoutes."""
    choices = tuple(choices)
    yield "other HTTP requests get no answer there"
    if not any(_match(choice.match) == {} for choice in choices):
        yield "a call that no rule takes fails with NOT_FOUND, not UNIMPLEMENTED"
    if any(rules[choice.rule].timeout for choice in choices):
        yield "a call that takes too long fails with DEADLINE_EXCEEDED, not UNAVAILABLE"


def written(
    rules: Sequence[TranslatedRule], choices: Iterable[Choice], backends: Backends
) -> Iterator[Written]:
    """Yields the rules of GRPCRoutes, which have no field for a timeout: Linkerd takes an annotation."""
    for rule, matches in runs(rules, choices):
        fields = backends.fields(rule)
        noted = dict(rule.annotations)
        if timeouts := fields.pop("timeouts", None):
            noted["timeout.linkerd.io/request"] = timeouts["request"]
        for part in chunks([_match(match) for match in matches]):
            # A match of all calls makes the others of its rule needless.
            asked_for = {} if {} in part else {"matches": part}
            yield Written({**asked_for, **fields}, tuple(sorted(noted.items())))


def _sayable(match: RequestMatch) -> bool:
    if match.query or match.method not in (None, "POST"):
        return False
    if match.path is None:
        return True
    call = _call(match)
    return call is not None and bool(
        _SERVICE.fullmatch(call[0]) and (not call[1] or _METHOD.fullmatch(call[1]))
    )


def _call(match: RequestMatch) -> tuple[str, str] | None:
    """The service and method (empty: any) that a path names, None if it names anything else."""
    if match.path is None or match.path.kind == "regex":
        return None
    lead, *parts = match.path.value.split("/")
    if lead or len(parts) != 2 or (match.path.kind == "prefix") is bool(parts[1]):
        return None
    return parts[0], parts[1]


def _match(match: RequestMatch) -> Fields:
    fields: Fields = {}
    if call := _call(match):
        service, method = call
        fields["method"] = {"type": "Exact", "service": service} | ({"method": method} if method else {})
    if match.headers:
        fields["headers"] = [named(name, text) for name, text in match.headers]
    return fields

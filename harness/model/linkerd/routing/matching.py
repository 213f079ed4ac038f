"""Which rule of routes takes a request, on a Service (outbound) or a Server (inbound)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from harness.base.expressions import Dialect
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.gateway_api.route import Route, RouteMatch, RouteRule, Rpc
    from harness.base.matching import TextMatch
    from harness.model.message import Message

Rank = tuple[int, ...]


@dataclass(frozen=True)
class Taken:
    """The rule that takes a request, and the match by which it does."""

    route: Route
    rule: RouteRule
    match: RouteMatch
    trace: tuple[Step, ...]


def best(routes: Iterable[Route], message: Message) -> Taken | tuple[Step, ...]:
    """Returns the rule that takes a request, or why none does.

    By host, then path length, headers, query parameters, and method last; exact paths, prefixes and
    regexes rank by length alone, and a regex's is the request's. A tie keeps the older route's
    and the earlier rule [linkerd2-proxy: linkerd/http/route].
    """
    winner: tuple[tuple[Rank, Rank], Taken] | None = None
    passed: list[Step] = []
    for route in routes:
        host = host_rank(route.hostnames, message.host)
        if host is None:
            text = "the Host {} isn't among them"
            passed.append(step(route.resource, "spec.hostnames", Action.UNMATCHED, text, message.authority))
            continue
        for rule in route.rules:
            ranked = [(rank, m) for m in rule.matches if (rank := match_rank(m, message)) is not None]
            if not ranked:
                unmet = _unmatched(rule, message)
                passed.append(step(route.resource, rule.path, Action.UNMATCHED, "{}", unmet))
                continue
            rank, match = max(ranked, key=lambda pair: pair[0])
            if winner is None or (host, rank) > winner[0]:
                if winner is not None:
                    passed.append(_outranked(winner[1]))
                winner = ((host, rank), Taken(route, rule, match, ()))
            else:
                passed.append(_outranked(Taken(route, rule, match, ())))
    if winner is None:
        return tuple(passed)
    taken = winner[1]
    text = "matches best: the longest path, then headers, query, method; then the oldest{}"
    by = "".join(f", by {_read(wanted)}" for _, wanted in taken.match.expressions)
    why = step(taken.route.resource, taken.match.path, Action.MATCHED, text, by)
    return Taken(taken.route, taken.rule, taken.match, (*passed, why))


def _unmatched(rule: RouteRule, message: Message) -> str:
    """Why a rule doesn't match, with the expressions for its path that don't span the request's."""
    paths = [_read(match.path_match) for match in rule.matches if match.path_match]
    unmet = [wanted for wanted in paths if wanted.kind == "regex" and not wanted.holds(message.path)]
    return "doesn't match the request" + "".join(f", whose path isn't {wanted}" for wanted in unmet)


def _read(wanted: TextMatch) -> TextMatch:
    return wanted.read_as(Dialect.RUST)


def _outranked(taken: Taken) -> Step:
    text = "matches, but another matches better"
    return step(taken.route.resource, taken.match.path, Action.OUTRANKED, text)


def host_rank(hostnames: tuple[str, ...], host: str) -> Rank | None:
    """Returns how well names fit a host (exact, then long ones), None if none does; no names fit all."""
    if not hostnames:
        return (0, 0)
    host = host.rstrip(".").lower()
    ranks = [
        (1, len(name)) if name.startswith("*.") else (2, len(name))
        for name in (hostname.lower() for hostname in hostnames)
        if (host.endswith(name[1:]) if name.startswith("*.") else host == name)
    ]
    return max(ranks, default=None)


def match_rank(match: RouteMatch, message: Message) -> Rank | None:
    """Returns how well a match fits a request (greater is better), None if it doesn't."""
    if not all(_header(wanted, message.header_values(name)) for name, wanted in match.headers):
        return None
    if match.rpc is not None:
        rpc = _rpc_rank(match.rpc, message)
        return None if rpc is None else (*rpc, len(match.headers))
    length = _path_length(match.path_match, message.path) if match.path_match else 1
    if length is None or (match.method is not None and match.method != message.method):
        return None
    pairs = parse_qsl(message.query, keep_blank_values=True)
    for name, wanted in match.query:
        if not _any(wanted, [value for key, value in pairs if key == name]):
            return None
    return (length, len(match.headers), len(match.query), int(match.method is not None))


def _header(wanted: TextMatch, values: list[str]) -> bool:
    # An expression isn't tried on a value beyond ASCII [linkerd2-proxy: http/route, MatchHeader].
    return _any(wanted, [value for value in values if wanted.kind != "regex" or value.isascii()])


def _any(wanted: TextMatch, values: list[str]) -> bool:
    return any(map(_read(wanted).holds, values))


def _path_length(wanted: TextMatch, path: str) -> int | None:
    match wanted.kind:
        case "exact":
            return len(wanted.value) if path == wanted.value else None
        case "regex":
            return len(path) if _read(wanted).holds(path) else None
        case _:
            if wanted.value == "/":
                return 1
            prefix = wanted.value.rstrip("/")
            stem = path.rstrip("/")
            return len(prefix) if stem == prefix or stem.startswith(prefix + "/") else None


def is_rpc(message: Message) -> bool:
    """Returns whether a request has the form of a gRPC call: POST, and a path of service and method."""
    parts = message.path.split("/")
    return message.method == "POST" and len(parts) >= 3 and not parts[0]


def _rpc_rank(wanted: Rpc, message: Message) -> Rank | None:
    if not is_rpc(message):
        return None
    parts = message.path.split("/")
    if wanted.service not in (None, parts[1]) or wanted.method not in (None, parts[2]):
        return None
    return (len(wanted.service or ""), len(wanted.method or ""))

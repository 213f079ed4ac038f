"""Which rule of routes takes a request, on a Service (outbound) or a Server (inbound)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from harness.api.gateway_api.route import AnyCall
from harness.base import expressions
from harness.base.expressions import Dialect
from harness.base.matching import Asking, TextMatch, decoded_values, length
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.gateway_api.route import Route, RouteMatch, RouteRule, Rpc
    from harness.model.message import Message

Rank = tuple[float, ...]


@dataclass(frozen=True)
class Taken:
    """The rule that takes a request, and the match by which it does."""

    route: Route
    rule: RouteRule
    match: RouteMatch
    trace: tuple[Step, ...]


class _Candidate(NamedTuple):
    """A match of a rule whose route has the request's host, and its place among all of them."""

    route: Route
    rule: RouteRule
    match: RouteMatch
    host: Rank
    place: int
    most: tuple[Rank, Rank, int]
    """The rank that it has at most, if it takes the request."""


def _matches(route: Route) -> list[tuple[RouteRule, RouteMatch, Rank]]:
    """The matches of a route, with the rank that each has at most; kept with its object."""
    listed: list[tuple[RouteRule, RouteMatch, Rank]]
    reading, listed = route.resource.lookups.get(_matches, (None, []))
    if reading is not route:
        listed = [(rule, match, _most(match)) for rule in route.rules for match in rule.matches]
        route.resource.lookups[_matches] = route, listed
    return listed


def _most(match: RouteMatch) -> Rank:
    if match.rpc is not None:
        return (math.inf,)
    path = match.path_match
    length = 1 if path is None else math.inf if path.kind == "regex" else _length(path)
    return (length, len(match.headers), len(match.query), int(match.method is not None))


def best(routes: Iterable[Route], message: Message) -> Taken | tuple[Step, ...]:
    """Returns the rule that takes a request, or why none does.

    By host, then path length, headers, query parameters, and method last; exact paths, prefixes and
    regexes rank by length alone, and a regex's is the request's. A tie keeps the older route's
    and the earlier rule [linkerd2-proxy: linkerd/http/route].
    """
    candidates: list[_Candidate] = []
    passed: list[Step] = []
    for route in routes:
        host = host_rank(route.hostnames, message.host)
        if host is None:
            text = "the Host {} isn't among them"
            passed.append(step(route.resource, "spec.hostnames", Action.UNMATCHED, text, message.authority))
            continue
        candidates += [
            _Candidate(route, rule, match, host, place, (host, most, -place))
            for place, (rule, match, most) in enumerate(_matches(route), len(candidates))
        ]
    winner: tuple[tuple[Rank, Rank, int], _Candidate] | None = None
    for candidate in sorted(candidates, key=attrgetter("most"), reverse=True):
        if winner is not None and winner[0] >= candidate.most:
            break
        rank = match_rank(candidate.match, message)
        if rank is not None and (winner is None or (candidate.host, rank, -candidate.place) > winner[0]):
            winner = ((candidate.host, rank, -candidate.place), candidate)
    taken = winner[1] if winner else None
    if not isinstance(message.path, Asking):  # what lost is only told
        passed += _passed(candidates, taken, message)
    if taken is None:
        return tuple(passed)
    text = "matches best: the longest path, then headers, query, method; then the oldest{}"
    by = "".join(f", by {_read(wanted)}" for _, wanted in taken.match.expressions)
    why = step(taken.route.resource, taken.match.path, Action.MATCHED, text, by)
    session, text = taken.rule.session, "isn't read by Linkerd: requests aren't kept on a pod"
    unread = () if session is None else (step(session.resource, session.path, Action.IGNORED, text),)
    return Taken(taken.route, taken.rule, taken.match, (*passed, why, *unread))


def _passed(candidates: Iterable[_Candidate], taken: _Candidate | None, message: Message) -> Iterator[Step]:
    """Yields why rules, in their order, don't take the request."""
    for _, matches in groupby(candidates, key=lambda candidate: id(candidate.rule)):
        alternatives = list(matches)
        route, rule = alternatives[0].route, alternatives[0].rule
        ranked = [
            (rank, each.match)
            for each in alternatives
            if (rank := match_rank(each.match, message)) is not None
        ]
        if not ranked:
            unmet = _unmatched(rule, message)
            yield step(route.resource, rule.path, Action.UNMATCHED, "{}", unmet)
        elif taken is None or rule is not taken.rule:
            _, match = max(ranked, key=lambda pair: pair[0])
            yield step(route.resource, match.path, Action.OUTRANKED, "matches, but another matches better")


def _unmatched(rule: RouteRule, message: Message) -> str:
    """Why a rule doesn't match, with the expressions for its path that don't span the request's."""
    paths = [_read(match.path_match) for match in rule.matches if match.path_match]
    unmet = [wanted for wanted in paths if wanted.kind == "regex" and not wanted.holds(message.path)]
    return "doesn't match the request" + "".join(f", whose path isn't {wanted}" for wanted in unmet)


def _read(wanted: TextMatch) -> TextMatch:
    return wanted.read_as(Dialect.RUST)


def host_rank(hostnames: tuple[str, ...], host: str) -> Rank | None:
    """Returns how well names fit a host (exact, then long ones), None if none does; no names fit all."""
    if not hostnames:
        return (0, 0)
    host = host.lower().rstrip(".")
    ranks = [
        (1, len(name)) if name.startswith("*.") else (2, len(name))
        for name in (hostname.lower() for hostname in hostnames)
        if (host.endswith(name[1:]) if name.startswith("*.") else host == name)
    ]
    return max(ranks, default=None)


def match_rank(match: RouteMatch, message: Message) -> Rank | None:
    """Returns how well a match fits a request (greater is better), None if it doesn't."""
    if not all(_header(wanted, message.header_lines(name)) for name, wanted in match.headers):
        return None
    if isinstance(match, AnyCall):
        return (0, 0, 0)
    if match.rpc is not None:
        rpc = _rpc_rank(match.rpc, message)
        return None if rpc is None else (*rpc, len(match.headers))
    length = _path_length(match.path_match, message.path) if match.path_match else 1
    if length is None or (match.method is not None and match.method != message.method):
        return None
    if not all(_any(wanted, decoded_values(message.query, name)) for name, wanted in match.query):
        return None
    return (length, len(match.headers), len(match.query), int(match.method is not None))


def _header(wanted: TextMatch, values: list[str]) -> bool:
    # An expression isn't tried on a value beyond ASCII [linkerd2-proxy: http/route, MatchHeader].
    return _any(wanted, [value for value in values if wanted.kind != "regex" or value.isascii()])


def _any(wanted: TextMatch, values: list[str]) -> bool:
    return any(map(_read(wanted).holds, values))


def _path_length(wanted: TextMatch, path: str) -> float | None:
    if wanted.kind == "segments" and wanted.value == "/":
        return 1
    if not _read(wanted).holds(path):
        return None
    return length(path) if wanted.kind == "regex" else _length(wanted)


def _length(wanted: TextMatch) -> int:
    """How many characters of a path an exact one, or a prefix, takes: a prefix's last slashes don't count."""
    if wanted.kind == "exact" or wanted.value == "/":
        return len(wanted.value)
    return len(wanted.value.rstrip("/"))


def is_rpc(message: Message) -> bool:
    """Returns whether a request has the form of a gRPC call: POST, and a path of service and method."""
    return message.method == "POST" and TextMatch("regex", "/[^/]*/.*").holds(message.path)


def _rpc_rank(wanted: Rpc, message: Message) -> Rank | None:
    service, method = (
        expressions.quoted(part) if part else "[^/]*" for part in (wanted.service, wanted.method)
    )
    if not is_rpc(message) or not TextMatch("regex", f"/{service}/{method}(/.*)?").holds(message.path):
        return None
    return (len(wanted.service or ""), len(wanted.method or ""))

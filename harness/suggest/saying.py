"""The expectation that says what comes back of a request."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, TypeVar

from harness.analysis.explore.answers import summed
from harness.expectations.policy import denied, forbidden
from harness.expectations.traffic.connection import refused
from harness.model.istio.security import jwt
from harness.suggest.question import Entry, Question, Topic, Unsaid
from harness.traffic.between import Between
from harness.traffic.outcomes import Failure

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from harness.base.vocabulary import Workload
    from harness.traffic.outcomes import Group, Outcome, Outcomes
    from harness.traffic.request import Request
    from harness.traffic.trace import Arrivals

Kind = TypeVar("Kind", "Workload", int)

_EARLY = Fraction(98, 100)
"""A proxy's timer may fire some milliseconds early."""

_SPARE, _AT_ONCE = 1.0, 0.8
"""Seconds that an answer may take besides what is configured; the share of a delay that is no delay."""

_CLOSED = (Failure.REFUSED, Failure.RESET, Failure.EMPTY_REPLY, Failure.TIMEOUT)


def entry(question: Question, outcomes: Outcomes, arrived: Arrivals | None, names: Collection[str]) -> Entry:
    """Returns the expectation of what comes back, and of how many arrive meanwhile; raises Unsaid.

    `names` are the estate's workloads' names that only one workload has.
    """
    answers = [group.outcome for group in outcomes.groups]
    if question.signed:
        raise Unsaid(f"it takes {_token(question.request)}, and only the holder of that key can make one")
    if question.topic is Topic.MIRROR:
        return _mirror(question, arrived)
    if any(answer.external for answer in answers):
        return _external(question, answers)
    match question.topic:
        case Topic.HOP:
            return _hop(question, outcomes)
        case Topic.HEADER:
            return _header(question, answers)
        case Topic.SEEN:
            return _seen(question, answers)
        case Topic.DELAY:
            return _delay(question, answers)
        case Topic.TIME_LIMIT:
            limit = f"{question.seconds + _SPARE:g}s"
            return question.says(f"takes {question.seconds:g} s at most", "latency", at_most=limit)
        case Topic.POLICY:
            return _access(question, outcomes)
        case _:
            return _route(question, outcomes, names)


_COMPACT = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")
"""The form of a compact token [RFC 7519]."""


def _token(request: Request) -> str:
    """The token that a request needs, by its issuer, its claims, and where it stands."""
    places = [
        *((f"the header {name}", value) for name, value in request.headers),
        ("the query", request.query),
    ]
    tokens = ((place, token[0]) for place, text in places for token in _COMPACT.finditer(text))
    for place, token in tokens:
        try:
            claims = dict(jwt.read(token).claims)
        except jwt.Invalid:  # a host, say, is of the same form
            continue
        issuer = claims.pop("iss", "its issuer")
        listed = ", ".join(f"{name} {json.dumps(value)}" for name, value in claims.items())
        return f"a token in {place} that {issuer} signed{f', with {listed}' if listed else ''}"
    return "a token that its issuer signed"


def _external(question: Question, answers: list[Outcome]) -> Entry:
    if not all(answer.external for answer in answers) or question.request.through:
        raise Unsaid(f"{_listed_once(answers)}, and what answers there isn't known")
    return question.says("leaves the cluster", "egress")


def _general(question: Question, outcomes: Outcomes) -> Entry | None:
    """What is said of a refusal, of what comes from outside, and of bytes, whatever is asked; else None."""
    answers = [group.outcome for group in outcomes.groups]
    if not all(map(_served, answers)):
        return _refused(question, outcomes)
    if question.request.through:
        return _response(question, answers)
    if question.request.tcp:
        return question.says("is open", "tcp")
    return None


def _route(question: Question, outcomes: Outcomes, names: Collection[str]) -> Entry:
    if entry := _general(question, outcomes):
        return entry
    backends = ((group.outcome.backend, group.weight) for group in outcomes.groups)
    shares = summed((backend, weight) for backend, weight in backends if backend)
    specified = _specified(outcomes.groups)
    if set(shares) <= question.own and not (specified and len(question.own) > 1):
        # The only workload behind the Service, or one of them, whichever it is.
        return question.says("is answered", "allow")
    if not specified:
        raise Unsaid("which of several workloads answers isn't specified")
    whole = _whole(shares).items()
    weights = {server.name if server.name in names else str(server): share for server, share in whole}
    words = f"goes to {next(iter(weights))}" if len(weights) == 1 else f"is split {_listed(weights)}"
    return question.says(words, "split", weights=weights)


def _access(question: Question, outcomes: Outcomes) -> Entry:
    return _general(question, outcomes) or question.says("is allowed", "allow")


def _refused(question: Question, outcomes: Outcomes) -> Entry:
    """A denial, or other answers that aren't all the application's own success."""
    answers = [group.outcome for group in outcomes.groups]
    if question.request.tcp:
        if all(answer.failure in _CLOSED for answer in answers):
            return question.says("is closed", "tcp", open=False)
        raise Unsaid(f"no expectation says {_listed_once(answers)}")
    if all(map(denied, answers)) and not question.request.through:
        return question.says("is denied", "deny")
    if all(map(forbidden, answers)) and question.topic is Topic.EGRESS:
        return question.says("is held back", "egress", allowed=False)
    if all(map(refused, answers)) and not question.request.through:
        return question.says("is refused", "refused", outage=True)
    if all(answer.failure is Failure.RESOLVE for answer in answers):
        name = question.request.host
        fields = {"from": str(question.request.source), "name": name, "to": "nothing"}
        return Entry(f"{question.subject}: {name} leads nowhere", "resolves", fields, outage=True)
    if all(answer.failure is Failure.TIMEOUT for answer in answers) and not question.request.through:
        request = question.request
        fields = {"from": str(request.source), "to": f"tcp://{request.host}:{request.port}"}
        return Entry(f"{question.subject} isn't answered", "tcp", {**fields, "open": False})
    statuses = {answer.status for answer in answers}
    if None in statuses or (len(statuses) > 1 and (question.request.grpc or question.request.through)):
        raise Unsaid(f"no expectation says {_listed_once(answers)}")
    if len(statuses) > 1:
        by_status = summed((group.outcome.status or 0, group.weight) for group in outcomes.groups)
        weights = {str(status): share for status, share in _whole(by_status).items()}
        return question.says(f"gets {_listed(weights)}", "split", by="status", weights=weights)
    return _response(question, answers)


def _response(question: Question, answers: list[Outcome]) -> Entry:
    """One status for all answers."""
    statuses, grpc = {answer.status for answer in answers}, {answer.grpc_status for answer in answers}
    if len(statuses) > 1 or None in statuses:
        raise Unsaid(f"no expectation says {_listed_once(answers)}")
    (status,) = statuses
    by_proxy = not any(answer.backend for answer in answers)
    outage = by_proxy and (status or 0) >= 500
    if len(grpc) == 1 and grpc != {None}:
        (code,) = grpc
        return question.says(f"gets gRPC status {code}", "response", outage=by_proxy, grpc_status=code)
    location = answers[0].header("location")
    if location is not None and all(answer.header("location") == location for answer in answers):
        return question.says("is redirected", "response", status=status, header={"location": location})
    if status == 404 and question.topic is Topic.POLICY and by_proxy and not question.request.through:
        return question.says("is denied", "deny", status=status)
    return question.says(f"gets {status}", "response", outage=outage, status=status)


def _header(question: Question, answers: list[Outcome]) -> Entry:
    header = question.given
    values = {answer.header(header) for answer in answers}
    if len(values) != 1 or any(answer.failure for answer in answers):
        raise Unsaid(f"not every answer has the same header {header}")
    (value,) = values
    if value is None:
        return question.says(f"comes without {header}", "response", header={header: {"absent": True}})
    return question.says(f"comes with {header}", "response", header={header: value})


def _seen(question: Question, answers: list[Outcome]) -> Entry:
    """What the server sees of the request: its path, its Host header, or one of its headers."""
    seen = [answer.server_saw for answer in answers]
    name = question.given
    values = {
        saw.path.partition("?")[0] if name == "path" else saw.host if name == "host" else saw.header(name)
        for saw in seen
        if saw
    }
    if question.request.through or None in seen or len(values) != 1:
        raise Unsaid(f"not every server sees the same {name}")
    (value,) = values
    if name in ("path", "host"):
        says: dict[str, Any] = {name: value}
        return question.says(f"arrives with {name} {value}", "rewrite", **says)
    if value is None:
        return question.says(f"arrives without {name}", "header", request={name: {"absent": True}})
    return question.says(f"arrives with {name}", "header", request={name: value})


def _delay(question: Question, answers: list[Outcome]) -> Entry:
    if any(answer.failure for answer in answers):
        raise Unsaid("it isn't answered")
    least, most = (choose(answer.seconds for answer in answers) for choose in (min, max))
    if not most:
        return question.says("isn't delayed", "latency", at_most=f"{question.seconds * _AT_ONCE:g}s")
    bounds: dict[str, Any] = {"at_least": f"{float(_EARLY) * least:g}s"} if least else {}
    bounds["at_most"] = f"{most + _SPARE:g}s"
    rarely = "" if least else ", sometimes"
    return question.says(f"is delayed by {most:g} s{rarely}", "latency", **bounds)


def _mirror(question: Question, arrived: Arrivals | None) -> Entry:
    if arrived is None:
        raise Unsaid("how many requests arrive isn't modelled")
    share = next((number for workload, number in arrived if workload == question.at), Fraction(0))
    if share > 1:
        raise Unsaid(f"{float(share):g} arrive of each request")
    percent = f"{float(100 * share):.10g}%"
    return question.says(
        f"is copied to {question.at} ({percent})", "mirror", at=str(question.at), share=percent
    )


def _hop(question: Question, outcomes: Outcomes) -> Entry:
    hops = {group.outcome.hop for group in outcomes.groups}
    kinds = {(hop.mutual, hop.mesh) if hop and not hop.refused else None for hop in hops}
    if len(kinds) != 1:
        raise Unsaid("it isn't protected in one way")
    (kind,) = kinds
    if kind is None or question.request.tcp:
        return _access(question, outcomes)
    mutual, mesh = kind
    if mutual and mesh:
        return question.says(f"is mutual TLS by {mesh}", "mtls", mesh=mesh.value)
    return question.says("is plaintext", "mtls", mode="plaintext")


def _served(outcome: Outcome) -> bool:
    """Whether the application answers, and not with an error."""
    if outcome.connected:
        return True
    answered = outcome.status is not None and outcome.backend is not None
    return answered and (outcome.status or 0) < 400 and not outcome.grpc_status


def _specified(groups: Iterable[Group]) -> bool:
    """Whether each workload's share is the configuration's: no two share what one destination gets."""
    seen: dict[object, Workload | None] = {}
    for group in groups:
        taken = (step for step in group.trace if not step.passed_over and not step.depth)
        chosen = tuple(
            (step.resource, step.field)
            for step in taken
            if "route[" in step.field or "backendRefs[" in step.field
        )
        if seen.setdefault(chosen, group.outcome.backend) != group.outcome.backend:
            return False
    return True


def _whole(shares: Mapping[Kind, Fraction]) -> dict[Kind, int]:
    """Shares as percentages, or as the least whole numbers where these aren't whole."""
    if any(isinstance(share, Between) for share in shares.values()):
        raise Unsaid("how many requests get which answer depends on other requests")
    total = lcm(*(share.denominator for share in shares.values()))
    total = 100 if 100 % total == 0 else total
    return {kind: int(share * total) for kind, share in sorted(shares.items())}


def _listed(weights: dict[str, int]) -> str:
    return ", ".join(f"{name} {share}" for name, share in weights.items())


def _listed_once(answers: Iterable[Outcome]) -> str:
    return ", ".join(dict.fromkeys(map(str, answers)))

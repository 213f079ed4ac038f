"""One thing to ask in every stage, and the expectation that an answer makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, TypeVar

from harness.expectations.policy import denied

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.traffic.outcomes import Group, Outcome, Outcomes
    from harness.traffic.request import Request

Kind = TypeVar("Kind", "Workload", int)

_EARLY = Fraction(98, 100)
"""A proxy's timer may fire some milliseconds early."""

_SPARE, _AT_ONCE = 1.0, 0.8
"""Seconds that an answer may take besides what is configured; the share of a delay that is no delay."""


class Topic(StrEnum):
    """What an expectation is about, in the order in which a scenario says it."""

    ROUTE = "routes"
    HEADER = "headers"
    DELAY = "delays"
    TIME_LIMIT = "time limits"
    INGRESS = "ingress"
    POLICY = "policies"
    HOP = "mutual TLS"


@dataclass(frozen=True)
class Origin:
    """An object of the configuration, and the field of it that an expectation comes from."""

    resource: Resource
    field: str = ""


@dataclass(frozen=True)
class Question:
    """A request, what of its answer matters, and the words for it.

    `own` are the workloads behind the Service that is dialled; `given` is the header's name, or the
    configured seconds, by topic.
    """

    topic: Topic
    request: Request
    subject: str
    origins: tuple[Origin, ...]
    own: frozenset[Workload] = frozenset()
    given: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Skipped:
    """A part of the configuration that nothing is asked about, and why."""

    what: str
    why: str


@dataclass(frozen=True)
class Entry:
    """An expectation as a scenario writes it."""

    name: str
    kind: str
    fields: dict[str, Any] = field(default_factory=dict)


class Unsaid(Exception):  # noqa: N818
    """What comes back can't be said by any expectation; its text says why."""


def entry(question: Question, outcomes: Outcomes, names: Collection[str]) -> Entry:
    """Returns the expectation of what comes back; raises Unsaid.

    `names` are the estate's workloads' names that only one workload has.
    """
    beyond = next((one.outcome for one in outcomes.groups if one.outcome.external), None)
    if beyond is not None:
        raise Unsaid(f"it {beyond}, and what answers there isn't known")
    match question.topic:
        case Topic.HOP:
            return _hop(question, outcomes)
        case Topic.HEADER:
            return _header(question, outcomes)
        case Topic.DELAY:
            return _delay(question, outcomes)
        case Topic.TIME_LIMIT:
            limit = question.seconds + _SPARE
            name = f"{question.subject} takes {question.seconds:g} s at most"
            return _made(question, name, "latency", at_most=f"{limit:g}s")
        case Topic.POLICY:
            return _access(question, outcomes)
        case _:
            return _route(question, outcomes, names)


def _made(question: Question, name: str, kind: str, **own: Any) -> Entry:
    request = question.request
    fields: dict[str, Any] = {"from": str(request.source), "to": request.url}
    if request.method != "GET" and not request.grpc:
        fields["method"] = request.method
    if request.headers:
        fields["headers"] = dict(request.headers)
    return Entry(name, kind, fields | own)


def _route(question: Question, outcomes: Outcomes, names: Collection[str]) -> Entry:
    answers = [one.outcome for one in outcomes.groups]
    if not all(map(_served, answers)):
        return _refused(question, outcomes)
    shares = _shares(outcomes)
    specified = _specified(outcomes.groups)
    if set(shares) <= question.own and not (specified and len(question.own) > 1):
        # The only workload behind the Service, or one of them, whichever it is.
        return _made(question, f"{question.subject} is answered", "allow")
    if not specified:
        raise Unsaid("which of several workloads answers isn't specified")
    weights = {_called(one, names): share for one, share in _whole(shares).items()}
    if len(weights) == 1:
        return _made(question, f"{question.subject} goes to {next(iter(weights))}", "split", weights=weights)
    told = ", ".join(f"{name} {share}" for name, share in weights.items())
    return _made(question, f"{question.subject} is split {told}", "split", weights=weights)


def _access(question: Question, outcomes: Outcomes) -> Entry:
    answers = [one.outcome for one in outcomes.groups]
    if all(map(_served, answers)):
        return _made(question, f"{question.subject} is allowed", "allow")
    return _refused(question, outcomes)


def _refused(question: Question, outcomes: Outcomes) -> Entry:
    """A denial, or other answers that aren't all the application's own success."""
    answers = [one.outcome for one in outcomes.groups]
    if all(map(denied, answers)):
        return _made(question, f"{question.subject} is denied", "deny")
    statuses = {one.status for one in answers}
    if None in statuses or (len(statuses) > 1 and question.request.grpc):
        told = ", ".join(dict.fromkeys(map(str, answers)))
        raise Unsaid(f"no expectation says {told}")
    if len(statuses) > 1:
        weights = {str(status): share for status, share in _whole(_by_status(outcomes)).items()}
        told = ", ".join(f"{name} {share}" for name, share in weights.items())
        return _made(question, f"{question.subject} gets {told}", "split", by="status", weights=weights)
    (status,) = statuses
    grpc = {one.grpc_status for one in answers}
    if len(grpc) == 1 and grpc != {None}:
        (code,) = grpc
        return _made(question, f"{question.subject} gets gRPC status {code}", "response", grpc_status=code)
    location = answers[0].header("location")
    if location is not None and all(one.header("location") == location for one in answers):
        name = f"{question.subject} is redirected"
        return _made(question, name, "response", status=status, header={"location": location})
    if status == 404 and question.topic is Topic.POLICY and all(one.backend is None for one in answers):
        return _made(question, f"{question.subject} is denied", "deny", status=status)
    return _made(question, f"{question.subject} gets {status}", "response", status=status)


def _header(question: Question, outcomes: Outcomes) -> Entry:
    values = {one.outcome.header(question.given) for one in outcomes.groups}
    if len(values) != 1 or any(one.outcome.failure for one in outcomes.groups):
        raise Unsaid(f"not every answer has the same header {question.given}")
    (value,) = values
    if value is None:
        name = f"{question.subject} comes without {question.given}"
        return _made(question, name, "response", header={question.given: {"absent": True}})
    name = f"{question.subject} comes with {question.given}"
    return _made(question, name, "response", header={question.given: value})


def _delay(question: Question, outcomes: Outcomes) -> Entry:
    if any(one.outcome.failure for one in outcomes.groups):
        raise Unsaid("it isn't answered")
    taken = [one.outcome.seconds for one in outcomes.groups]
    least, most = min(taken), max(taken)
    if not most:
        limit = question.seconds * _AT_ONCE
        return _made(question, f"{question.subject} isn't delayed", "latency", at_most=f"{limit:g}s")
    bounds = {"at_most": f"{most + _SPARE:g}s"}
    if least:
        bounds = {"at_least": f"{float(_EARLY) * least:g}s", **bounds}
    rarely = "" if least else ", sometimes"
    return _made(question, f"{question.subject} is delayed by {most:g} s{rarely}", "latency", **bounds)


def _hop(question: Question, outcomes: Outcomes) -> Entry:
    hops = {one.outcome.hop for one in outcomes.groups}
    kinds = {(hop.mutual, hop.mesh) if hop and not hop.refused else None for hop in hops}
    if len(kinds) != 1:
        raise Unsaid("it isn't protected in one way")
    (kind,) = kinds
    if kind is None:
        return _access(question, outcomes)
    mutual, mesh = kind
    if mutual and mesh:
        return _made(question, f"{question.subject} is mutual TLS by {mesh}", "mtls", mesh=mesh.value)
    return _made(question, f"{question.subject} is plaintext", "mtls", mode="plaintext")


def _served(outcome: Outcome) -> bool:
    """Whether the application answers, and not with an error."""
    answered = outcome.status is not None and outcome.backend is not None
    return answered and (outcome.status or 0) < 400 and not outcome.grpc_status


def _shares(outcomes: Outcomes) -> dict[Workload, Fraction]:
    found = ((one.outcome.backend, one.weight) for one in outcomes.groups)
    return _summed((backend, weight) for backend, weight in found if backend is not None)


def _by_status(outcomes: Outcomes) -> dict[int, Fraction]:
    return _summed((one.outcome.status or 0, one.weight) for one in outcomes.groups)


def _summed(weights: Iterable[tuple[Kind, Fraction]]) -> dict[Kind, Fraction]:
    found: dict[Kind, Fraction] = {}
    for kind, weight in weights:
        found[kind] = found.get(kind, Fraction(0)) + weight
    return dict(sorted(found.items()))


def _specified(groups: Iterable[Group]) -> bool:
    """Whether each workload's share is the configuration's: no two share what one destination gets."""
    seen: dict[object, Workload | None] = {}
    for group in groups:
        taken = [one for one in group.trace if not one.passed_over and not one.depth]
        chosen = tuple(
            (one.resource, one.field) for one in taken if "route[" in one.field or "backendRefs[" in one.field
        )
        if seen.setdefault(chosen, group.outcome.backend) != group.outcome.backend:
            return False
    return True


def _whole(shares: dict[Kind, Fraction]) -> dict[Kind, int]:
    """Shares as percentages, or as the least whole numbers where these aren't whole."""
    total = lcm(*(share.denominator for share in shares.values()))
    total = 100 if 100 % total == 0 else total
    return {one: int(share * total) for one, share in shares.items()}


def _called(workload: Workload, names: Collection[str]) -> str:
    return workload.name if workload.name in names else str(workload)

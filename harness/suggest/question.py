"""One thing to ask in every stage, and the expectation that an answer makes of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from math import lcm
from typing import TYPE_CHECKING, Any, TypeVar

from harness.analysis.compare.answer import summed
from harness.base.errors import HarnessError
from harness.expectations.policy import denied

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

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

    def says(self, what: str, kind: str, **fields: Any) -> Entry:
        """Returns an expectation of the request's answer: what it says in words, its kind, its own fields."""
        request = self.request
        sent: dict[str, Any] = {"from": str(request.source), "to": request.url}
        if request.method != "GET" and not request.grpc:
            sent["method"] = request.method
        if request.headers:
            sent["headers"] = dict(request.headers)
        return Entry(f"{self.subject} {what}", kind, sent | fields)


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


class Unsaid(HarnessError):  # noqa: N818
    """What comes back can't be said by any expectation."""


def entry(question: Question, outcomes: Outcomes, names: Collection[str]) -> Entry:
    """Returns the expectation of what comes back; raises Unsaid.

    `names` are the estate's workloads' names that only one workload has.
    """
    beyond = next((group.outcome for group in outcomes.groups if group.outcome.external), None)
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
            limit = f"{question.seconds + _SPARE:g}s"
            return question.says(f"takes {question.seconds:g} s at most", "latency", at_most=limit)
        case Topic.POLICY:
            return _access(question, outcomes)
        case _:
            return _route(question, outcomes, names)


def _route(question: Question, outcomes: Outcomes, names: Collection[str]) -> Entry:
    if not all(_served(group.outcome) for group in outcomes.groups):
        return _refused(question, outcomes)
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
    if all(_served(group.outcome) for group in outcomes.groups):
        return question.says("is allowed", "allow")
    return _refused(question, outcomes)


def _refused(question: Question, outcomes: Outcomes) -> Entry:
    """A denial, or other answers that aren't all the application's own success."""
    answers = [group.outcome for group in outcomes.groups]
    if all(map(denied, answers)):
        return question.says("is denied", "deny")
    statuses = {answer.status for answer in answers}
    if None in statuses or (len(statuses) > 1 and question.request.grpc):
        raise Unsaid(f"no expectation says {', '.join(dict.fromkeys(map(str, answers)))}")
    if len(statuses) > 1:
        by_status = summed((group.outcome.status or 0, group.weight) for group in outcomes.groups)
        weights = {str(status): share for status, share in _whole(by_status).items()}
        return question.says(f"gets {_listed(weights)}", "split", by="status", weights=weights)
    (status,) = statuses
    grpc = {answer.grpc_status for answer in answers}
    if len(grpc) == 1 and grpc != {None}:
        (code,) = grpc
        return question.says(f"gets gRPC status {code}", "response", grpc_status=code)
    location = answers[0].header("location")
    if location is not None and all(answer.header("location") == location for answer in answers):
        return question.says("is redirected", "response", status=status, header={"location": location})
    if status == 404 and question.topic is Topic.POLICY and not any(answer.backend for answer in answers):
        return question.says("is denied", "deny", status=status)
    return question.says(f"gets {status}", "response", status=status)


def _header(question: Question, outcomes: Outcomes) -> Entry:
    header, answers = question.given, [group.outcome for group in outcomes.groups]
    values = {answer.header(header) for answer in answers}
    if len(values) != 1 or any(answer.failure for answer in answers):
        raise Unsaid(f"not every answer has the same header {header}")
    (value,) = values
    if value is None:
        return question.says(f"comes without {header}", "response", header={header: {"absent": True}})
    return question.says(f"comes with {header}", "response", header={header: value})


def _delay(question: Question, outcomes: Outcomes) -> Entry:
    if any(group.outcome.failure for group in outcomes.groups):
        raise Unsaid("it isn't answered")
    taken = [group.outcome.seconds for group in outcomes.groups]
    least, most = min(taken), max(taken)
    if not most:
        return question.says("isn't delayed", "latency", at_most=f"{question.seconds * _AT_ONCE:g}s")
    bounds = {"at_least": f"{float(_EARLY) * least:g}s"} if least else {}
    bounds["at_most"] = f"{most + _SPARE:g}s"
    rarely = "" if least else ", sometimes"
    return question.says(f"is delayed by {most:g} s{rarely}", "latency", **bounds)


def _hop(question: Question, outcomes: Outcomes) -> Entry:
    hops = {group.outcome.hop for group in outcomes.groups}
    kinds = {(hop.mutual, hop.mesh) if hop and not hop.refused else None for hop in hops}
    if len(kinds) != 1:
        raise Unsaid("it isn't protected in one way")
    (kind,) = kinds
    if kind is None:
        return _access(question, outcomes)
    mutual, mesh = kind
    if mutual and mesh:
        return question.says(f"is mutual TLS by {mesh}", "mtls", mesh=mesh.value)
    return question.says("is plaintext", "mtls", mode="plaintext")


def _served(outcome: Outcome) -> bool:
    """Whether the application answers, and not with an error."""
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
    total = lcm(*(share.denominator for share in shares.values()))
    total = 100 if 100 % total == 0 else total
    return {kind: int(share * total) for kind, share in sorted(shares.items())}


def _listed(weights: dict[str, int]) -> str:
    return ", ".join(f"{name} {share}" for name, share in weights.items())

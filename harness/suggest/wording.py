"""Questions about a request: one for each thing about its answers that a configuration decides or changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.analysis.explore.answers import compared
from harness.suggest.boundaries import PREFLIGHT
from harness.suggest.question import Origin, Question, Topic
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.explore.answer import ComparedAnswer
    from harness.suggest.answers import Answered, Change, Decider
    from harness.suggest.estate import Estate
    from harness.traffic.outcomes import Outcome
    from harness.traffic.request import Request
    from harness.traffic.trace import Step

_MAIN = frozenset((Topic.ROUTE, Topic.INGRESS, Topic.EGRESS, Topic.POLICY))

_SHOWN = {
    "seconds": Topic.DELAY,
    "response_headers": Topic.HEADER,
    "request_headers": Topic.SEEN,
    "path": Topic.SEEN,
    "host": Topic.SEEN,
    "mutual": Topic.HOP,
    "arrivals": Topic.MIRROR,
}
"""What shows a part of an answer; all others the answer itself does."""


def questions(
    estate: Estate, answered: Answered, deciders: Iterable[tuple[Decider, Step]], changes: Iterable[Change]
) -> Iterator[Question]:
    """Yields what to ask about a request: of what decides it, and of what changes."""
    deciders = list(deciders)
    wanted: dict[Topic, dict[Origin, Step | None]] = {}
    for decider, step in deciders:
        wanted.setdefault(_topic(answered, decider), {})[decider.origin] = step
        if step.action in (Action.MATCHED, Action.SHARED) and not decider.of_policy:
            for topic in (Topic.HEADER, Topic.SEEN):
                wanted.setdefault(topic, {})[decider.origin] = step
    every = {decider.origin: step for decider, step in answered.deciders(estate.configuration)}
    for change in changes:
        topics = {_SHOWN.get(part, _main(answered)) for part in change.parts}
        if _main(answered) in topics:
            topics.discard(Topic.HOP)  # another who answers is protected in another way
            if not _MAIN.isdisjoint(wanted):  # which shows the same
                topics.discard(_main(answered))
        for topic in sorted(topics):
            wanted.setdefault(topic, {}).update({} if wanted.get(topic) else every)
    for topic, origins in wanted.items():
        steps = [step for step in origins.values() if step]
        yield from _about(estate, answered, topic, tuple(_closest(origins)), steps)


def _closest(origins: Iterable[Origin]) -> Iterator[Origin]:
    """The origins, without those of which there is a part, or that only say whom a rule's object is for."""
    origins = list(origins)
    for origin in origins:
        others = [each.field for each in origins if each.resource == origin.resource and each != origin]
        inside = any(field.startswith(f"{origin.field}.") for field in others)
        if not inside and (origin.field != "spec.hosts" or not others):
            yield origin


def _main(answered: Answered) -> Topic:
    target = answered.target
    if target.place.service is None:
        return Topic.EGRESS
    if target.gateway:
        return Topic.INGRESS
    return Topic.POLICY if answered.denied else Topic.ROUTE


def _topic(answered: Answered, decider: Decider) -> Topic:
    special = {Action.DELAYED: Topic.DELAY, Action.LIMITED: Topic.TIME_LIMIT, Action.MIRRORED: Topic.MIRROR}
    if decider.action in special:
        return special[decider.action]
    return Topic.POLICY if decider.of_policy else _main(answered)


def _about(
    estate: Estate, answered: Answered, topic: Topic, origins: tuple[Origin, ...], steps: list[Step]
) -> Iterator[Question]:
    request, own = answered.request, answered.target.own
    subject = _subject(estate, answered, topic)
    plain = Question(topic, request, subject, origins, own, signed=answered.signed)
    if topic in (Topic.HEADER, Topic.SEEN):
        for name in _names(estate, answered, topic):
            yield replace(plain, given=name)
    elif topic is Topic.DELAY:
        seconds = max((outcome.seconds for outcome in _outcomes(answered)), default=0.0)
        yield replace(plain, seconds=seconds)
    elif topic is Topic.TIME_LIMIT:
        limits = [part for step in steps for part in step.parts if isinstance(part, float)]
        if limits:
            yield replace(plain, seconds=min(limits))
    elif topic is Topic.MIRROR:
        answering = {outcome.backend for outcome in _outcomes(answered)}
        arrived = {at: None for every in answered.arrived for at, _ in every or () if at not in answering}
        for at in arrived:
            yield replace(plain, at=at)
    else:
        yield plain


def _outcomes(answered: Answered) -> Iterator[Outcome]:
    return (group.outcome for every in answered.outcomes if every for group in every.groups)


def _names(estate: Estate, answered: Answered, topic: Topic) -> Iterator[str]:
    """The headers (`path` and `host` among what servers see) that something on the way sets or changes."""
    plain = estate.unguarded(answered.request)
    routed = [
        each for every in answered.outcomes if every for each, _ in compared(every).shares if each.backend
    ]
    values = [_values(answer, topic) for answer in (*routed, *plain)]
    for name in dict.fromkeys(name for each in values for name in each):
        if len({each.get(name) for each in values}) > 1:
            yield name


def _values(answer: ComparedAnswer, topic: Topic) -> dict[str, str]:
    if topic is Topic.HEADER:
        return dict(answer.response_headers)
    return {**dict(answer.request_headers), "path": answer.path, "host": answer.host}


def plain(estate: Estate, answered: Answered) -> str:
    """Returns the words for a request and who sends it."""
    return _subject(estate, answered, Topic.POLICY)


def _subject(estate: Estate, answered: Answered, topic: Topic) -> str:
    """What distinguishes a request from the plainest to its target, in words."""
    request, target = answered.request, answered.target
    host = request.host if request.through else request.header("host") if target.gateway else None
    name = host or target.name
    query = f"?{request.query}" if request.query and not answered.signed else ""
    asked = request.path + query
    plain = "" if target.gateway else target.path or "/"
    words = f" {asked}" if asked != plain and not request.tcp else ""
    preflight = request.method == "OPTIONS" and {key.lower() for key, _ in request.headers} >= PREFLIGHT
    words += " as a CORS preflight" if preflight else ""
    for key, value in () if answered.signed else request.headers:
        shown = not (target.gateway and key.lower() == "host") and not (
            preflight and key.lower() in PREFLIGHT
        )
        words += (f" with {key} {value}" if value else f" with an empty {key}") if shown else ""
    words += " with a token" if answered.signed else ""
    words += {"tcp": " as bytes", "https": " by TLS"}.get(target.place.scheme, "")
    verb = "" if request.grpc or request.tcp else f"{request.method} "
    if topic is Topic.POLICY:
        return f"{verb}{name}{words}{_by(request)}"
    verb = "" if request.method == "GET" else verb
    by = "" if target.gateway or request.source in estate.own else f" from {request.source}"
    return f"{verb}{name}{words}{by}"


def _by(request: Request) -> str:
    return " from outside" if request.through else f" by {request.source}"

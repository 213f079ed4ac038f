"""How the calls of an estate are protected: a question for each pair of workloads that talk to each other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from harness.expectations.policy import denied
from harness.suggest.estate import url
from harness.suggest.question import Origin, Question, Topic
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.suggest.estate import Estate


def questions(estate: Estate) -> Iterator[Question | tuple[str, str]]:
    """Yields a question for each call that workloads' own configuration speaks of; else why there is none.

    A Service that nobody is told to call is called by the likeliest workload that is let in.
    """
    for call in estate.calls:
        hops = list(_hop(estate, call.caller, call.service, Origin(call.workload, call.field)))
        yield from hops
        if not hops:
            yield f"{call.caller} to {call.service}", _mute(estate, call.service)
    for service in estate.services:
        if estate.known_callers(service):
            continue
        tried = (_hop(estate, caller, service, Origin(service, "spec")) for caller in estate.callers(service))
        admitted = (hop for hops in tried for hop in hops if _gets_in(estate, hop.request))
        first = next(admitted, None)
        yield first or (str(service), _mute(estate, service))


def number(estate: Estate) -> int:
    """Returns how many calls there are, asked or not."""
    return len(estate.calls) + sum(not estate.known_callers(service) for service in estate.services)


def _mute(estate: Estate, service: Resource) -> str:
    if not estate.behind(service):
        return "no running pod is behind it"
    return (
        "it has no port" if not list(estate.entrances(service)) else "it lets in none of its likely callers"
    )


def _gets_in(estate: Estate, request: Request) -> bool:
    outcomes = estate.outcomes(request)
    return outcomes is not None and not any(denied(group.outcome) for group in outcomes.groups)


def _hop(estate: Estate, caller: Workload, service: Resource, origin: Origin) -> Iterator[Question]:
    entrances = estate.entrances(service) if estate.behind(service) else ()
    for port, scheme in itertools.islice(entrances, 1):
        request = Request(caller, url(service, port, caller, scheme, estate.path(service)))
        subject = f"{caller} to {estate.called(service)}"
        yield Question(Topic.HOP, request, subject, (origin,), estate.behind(service))

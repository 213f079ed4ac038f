"""How the calls of an estate are protected: a question for each pair of workloads that talk to each other."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from harness.expectations.policy import denied
from harness.suggest.estate import url
from harness.suggest.question import Origin, Question, Skipped, Topic
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.suggest.estate import Estate

_MUTE = "it has no pods, or no port for HTTP, and mutual TLS is shown by HTTP requests"


def questions(estate: Estate) -> Iterator[Question | Skipped]:
    """Yields a question for each call that workloads' own configuration speaks of.

    Where none speaks of any, each Service is called by the likeliest workload.
    """
    for call in estate.calls:
        hops = list(_hop(estate, call.caller, call.service, Origin(call.workload, call.field)))
        yield from hops
        if not hops:
            yield Skipped(f"{call.caller} to {call.service}", _MUTE)
    if not estate.calls:
        for service in estate.services:
            origin = Origin(service, "spec")
            tried = (_hop(estate, caller, service, origin) for caller in estate.callers(service))
            admitted = (hop for hops in tried for hop in hops if _gets_in(estate, hop.request))
            yield from itertools.islice(admitted, 1)


def _gets_in(estate: Estate, request: Request) -> bool:
    outcomes = estate.outcomes(request)
    return outcomes is not None and not any(denied(group.outcome) for group in outcomes.groups)


def _hop(estate: Estate, caller: Workload, service: Resource, origin: Origin) -> Iterator[Question]:
    entrances = estate.entrances(service) if estate.behind(service) else ()
    for port, scheme in itertools.islice(entrances, 1):
        request = Request(caller, url(service, port, caller, scheme, estate.path(service)))
        yield Question(Topic.HOP, request, f"{caller} to {estate.called(service)}", (origin,))

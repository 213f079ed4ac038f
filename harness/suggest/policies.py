"""What policies have to say: for each, a request that gets in, and the nearest ones that don't."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.compare import conditions
from harness.analysis.compare.examples import examples
from harness.api.istio.security.authentication import PeerAuthentication, PolicySpec
from harness.api.istio.security.authorization_policy import AuthorizationPolicy
from harness.api.kubernetes.selector import selects
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.expectations.policy import denied
from harness.suggest.estate import asked_for, url
from harness.suggest.question import Origin, Question, Skipped, Topic
from harness.suggest.routes import words
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.analysis.compare.conditions import Conditions
    from harness.analysis.compare.examples import Example
    from harness.base.resources import Resource
    from harness.base.vocabulary import Workload
    from harness.model.network.services import ServicePort
    from harness.suggest.estate import Estate
    from harness.traffic.trace import Step

_SECURITY = "security.istio.io"
_SERVICES = 5
"""Services behind a policy that are tried, to find one where it decides."""

_UNDECIDED = "no request that was tried, of callers there are, is decided by it"

_EXAMPLES = 60
"""Requests by each caller that are tried, to find both sides of a policy's boundary."""


def questions(estate: Estate) -> Iterator[Question | Skipped]:
    """Yields what to ask about each policy, the AuthorizationPolicies first."""
    for policy in estate.state.all(_SECURITY, "AuthorizationPolicy"):
        boundary = _boundary(estate, policy)
        yield from boundary
        if not boundary:
            yield Skipped(str(policy), _UNDECIDED)
        keys = (part.key for rule in AuthorizationPolicy.of(policy).rules for part in rule.attributes)
        if any(key.startswith("request.auth") for key in keys):
            yield Skipped(str(policy), "what it asks of tokens needs one, in the header authorization")
    for policy in estate.state.all(_SECURITY, "PeerAuthentication"):
        modes = PeerAuthentication.of(policy)
        if "STRICT" in (modes.mtls.mode, *(port.mode for port in modes.ports.values())):
            services = _guarded(estate, policy)[:_SERVICES]
            tried = (_plaintext(estate, policy, service) for service in services)
            yield from next(filter(None, tried), [Skipped(str(policy), _UNDECIDED)])


def _guarded(estate: Estate, policy: Resource) -> list[Resource]:
    """The Services in front of a policy's pods, the most called one first."""
    wanted = PolicySpec.of(policy).labels
    places = [
        service for service in estate.services if policy.namespace in (service.namespace, ROOT_NAMESPACE)
    ]
    guarded = [
        service
        for service in places
        if any(selects(wanted, pod.labels) for w in estate.behind(service) for pod in estate.state.pods_of(w))
    ]
    return sorted(guarded, key=lambda service: -len(estate.known_callers(service)))


@dataclass(frozen=True)
class _Try:
    """A request by one of the callers, and whether it gets in."""

    caller: Workload
    example: Example
    question: Question
    allowed: bool
    decided: bool
    """Whether the policy itself let it in, or kept it out."""


def _boundary(estate: Estate, policy: Resource) -> Sequence[Question]:
    """Both sides of a policy at a Service where it decides, else where somebody gets in and somebody doesn't.

    One Service shows it: others behind the same policy would only repeat it.
    """
    wanted = conditions.of(policy)
    beside: list[Question] = []
    for service in _guarded(estate, policy)[:_SERVICES]:
        for port, scheme in estate.entrances(service):
            tries = list(_tries(estate, policy, service, port, scheme, wanted))
            sides = [attempt.question for attempt in _both_sides(tries)]
            if any(attempt.decided for attempt in tries):
                return sides
            # Of several policies that let a request in the trace names one.
            if not beside and {attempt.allowed for attempt in tries} == {True, False}:
                beside = sides
    return beside


def _both_sides(tries: list[_Try]) -> Iterator[_Try]:
    """Who gets in, who doesn't with the same request, and what doesn't get in of the same caller."""
    tries.sort(key=lambda attempt: not attempt.decided)
    getting_in = [attempt for attempt in tries if attempt.allowed]
    refused = [attempt for attempt in tries if not attempt.allowed]
    if not getting_in or not refused:
        yield from [*getting_in, *refused][:1]
        return
    # The request that tells most callers from one another comes first.
    apart = Counter(attempt.example for attempt in refused)
    best = [attempt for attempt in getting_in if attempt.decided] or getting_in
    first = max(best, key=lambda attempt: apart[attempt.example])
    yield first
    others = (attempt for attempt in refused if attempt.example == first.example)
    own = (attempt for attempt in refused if attempt.caller == first.caller)
    for attempt in (next(others, None), next(own, None)):
        if attempt is not None:
            yield attempt


def _tries(
    estate: Estate, policy: Resource, service: Resource, port: ServicePort, scheme: str, wanted: Conditions
) -> Iterator[_Try]:
    path = estate.path(service)
    tried, _ = examples(wanted, grpc=scheme == "grpc", limit=_EXAMPLES)
    for caller in estate.unlike_callers(service):
        for example in tried:
            target = asked_for(example, wanted, path)
            address = url(service, port, caller, scheme, target)
            request = Request(caller, address, example.method, example.sent)
            if (outcomes := estate.outcomes(request)) is None:
                continue
            groups = outcomes.groups
            answers = [group.outcome for group in groups]
            decided = any(_names(policy, link) for group in groups for link in group.trace)
            refused = all(map(denied, answers))
            if not refused and any(map(denied, answers)):
                continue
            method = "" if request.grpc else f"{request.method} "
            subject = f"{method}{estate.called(service)}{words(example, target, path)} by {caller}"
            yield _Try(caller, example, _question(policy, request, subject), not refused, decided)


def _names(policy: Resource, link: Step) -> bool:
    return link.resource == policy and not link.passed_over and not link.depth


def _plaintext(estate: Estate, policy: Resource, service: Resource) -> list[Question]:
    """A caller without a proxy, whom STRICT shuts out."""
    for port, scheme in estate.entrances(service):
        target = url(service, port, estate.outside, scheme, estate.path(service))
        request = Request(estate.outside, target)
        outcomes = estate.outcomes(request)
        if outcomes and all(denied(group.outcome) for group in outcomes.groups):
            subject = f"{estate.called(service)} in plaintext by {estate.outside}"
            return [_question(policy, request, subject)]
    return []


def _question(policy: Resource, request: Request, subject: str) -> Question:
    return Question(Topic.POLICY, request, subject, (Origin(policy, "spec"),))

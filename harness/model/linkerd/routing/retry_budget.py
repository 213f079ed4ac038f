"""Retries of a ServiceProfile's route: failures are sent again while the budget of all its routes lasts.

Each retry costs the budget what 1 / retryRatio successes bring in, beside a reserve [tower: TpsBudget,
linkerd2-proxy: app/outbound, http/retry.rs]. So where failures are few, each is sent again, however many
requests there are. Else it depends on them: alone a request has the reserve for itself.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from harness.api.linkerd.service_profile import ServiceProfile
from harness.model.distribution import Branch, after
from harness.model.linkerd.routing import service_profile
from harness.model.linkerd.routing.limits import MAX_TRIES, Allowance, Repetition, with_retries
from harness.traffic.between import Between, bounds
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from harness.api.linkerd.service_profile import ServiceProfileRoute
    from harness.base.resources import Resource
    from harness.model.linkerd.routing.limits import Attempt, Limit
    from harness.model.message import Answers, Message

_EXPLORED = 4
"""Tries that are followed up where requests are compared: what comes of more is no other kind of answer."""

_NEVER = Fraction(1, 10**12)
"""The probability of what is taken never to happen: that many failures in a row."""


def sent_again(
    profile: Resource,
    route: ServiceProfileRoute,
    once: Answers,
    attempt: Attempt,
    limit: Limit | None,
    message: Message,
) -> Answers:
    """Returns what failures become, of what is answered to one try, by a retryable route's budget."""
    budget, fails = ServiceProfile.kept(profile).budget, partial(service_profile.fails, route)
    failing = sum((answer.weight for answer in once if fails(answer.value)), Fraction(0))
    if not failing:
        return once
    if not budget.usable:
        text = "the proxy takes ttl from 1 s to 60 s, and ratios to 1000: nothing is sent again"
        return after(once, step(profile, budget.path, Action.IGNORED, text))
    field = f"{route.path}.isRetryable"
    if failing == 1 and message.is_explored and not any(answer.value.seconds for answer in once):
        text = "failures are sent again until the retry budget is spent, and fail all the same"
        return after(once, replace(step(profile, field, Action.RETRIED, text), arrivals=None))
    _, most = bounds(failing)
    suffices = most < 1 and most / (1 - most) < budget.share
    surely = min(budget.reserve, MAX_TRIES - 1) if suffices else 0
    if most**surely < _NEVER:
        tries = min(surely, _tries(most))
        answers = with_retries(attempt, Repetition(tries, fails), limit, message)
        kept = [answer for answer in answers if not fails(answer.value)]
        whole = sum((answer.weight for answer in kept), Fraction(0))
        if not isinstance(whole, Between) and 1 - whole < _NEVER:
            return tuple(Branch(answer.weight / whole, answer.value, answer.trace) for answer in kept)
        return answers
    allowance = Allowance(surely, budget.reserve, frozenset((budget.words,)))
    tries = _tries(most)
    if message.is_explored:
        tries = min(tries, _EXPLORED)
    again = Repetition(tries, fails, allowance=allowance)
    rest = Between(Fraction(0), Fraction(0), most ** (tries + 1), allowance.on)
    later = (Branch(rest, each.value, each.trace) for each in once if most < 1 and not fails(each.value))
    answers = (*with_retries(attempt, again, limit, message), *later)
    text = "failures are sent again while the retry budget lasts: how many depends on other requests"
    why = replace(step(profile, field, Action.LIMITED, text), arrivals=None)
    return after(answers, why)


def _tries(failing: Fraction) -> int:
    """How often retries are followed up, at most: till so many failures in a row never come."""
    rest, tries = failing, 0
    while rest >= _NEVER and tries < MAX_TRIES - 1:
        rest, tries = rest * failing, tries + 1
    return tries

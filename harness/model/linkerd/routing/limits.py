"""Time limits and retries that a route or a Service asks for, as a client's proxy keeps to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.api.linkerd import GROUP, annotation
from harness.base.errors import NotModelledError
from harness.model.distribution import ONE, Branch, Branches, averaged, certain
from harness.model.message import Answers, Message
from harness.traffic.between import Between
from harness.traffic.trace import Action, built_in, words

if TYPE_CHECKING:
    from harness.api.gateway_api.route import Route, RouteRule
    from harness.api.linkerd.annotation import Timeouts
    from harness.base.resources import Resource
    from harness.traffic.outcomes import Outcome

GRPC_FAILURES = (2, 4, 7, 13, 14, 15)
"""The gRPC statuses that Linkerd's proxies count as failures."""

MAX_TRIES = 200
"""Tries that the model follows one by one."""


@dataclass(frozen=True)
class Limit:
    """The time that a request has left, and how the proxy calls its end: a part of what it says, or all."""

    seconds: float
    name: str
    error: str = ""

    def after(self, spent: float) -> Limit:
        """Returns the limit for what comes after some time was spent."""
        return replace(self, seconds=self.seconds - spent)


@dataclass(frozen=True)
class Allowance:
    """How often a request is surely sent again, how often if it comes alone, and the settings for more."""

    surely: int
    alone: int
    on: frozenset[str]

    def goes_on(self, tries: int) -> Fraction:
        """Returns the share that is sent again after so many tries."""
        if tries <= self.surely:
            return ONE
        return Between(Fraction(tries <= self.alone), Fraction(0), ONE, self.on)

    def ends(self, tries: int) -> Fraction:
        """Returns the share that isn't."""
        if tries <= self.surely:
            return Fraction(0)
        return Between(Fraction(tries > self.alone), Fraction(0), ONE, self.on)


@dataclass(frozen=True)
class Repetition:
    """Which answers a request is sent again for, how often, and after which time (in seconds) per try.

    With an allowance that other requests share not every such answer need be.
    """

    limit: int
    applies: Callable[[Outcome], bool]
    timeout: float | None = None
    allowance: Allowance | None = None


def own_error(outcome: Outcome) -> bool:
    """Returns whether the client's proxy answers itself, since no server did: nothing is sent again then."""
    return outcome.header("l5d-proxy-error") is not None


def repetition(resource: Resource, *, grpc: bool) -> Repetition | None:
    """Returns the retries that an object's annotations ask for, if any."""
    wanted = annotation.retries(resource, grpc=grpc)
    if wanted is None:
        return None
    codes, statuses = wanted.codes, wanted.statuses

    def applies(outcome: Outcome) -> bool:
        status = outcome.status or 0
        answered = outcome.grpc_status in codes or any(low <= status <= high for low, high in statuses)
        return answered and not own_error(outcome)

    return Repetition(wanted.limit, applies, wanted.timeout)


def shortest(timeouts: Timeouts) -> Limit | None:
    """Returns the limit that ends a request first."""
    named = ((timeouts.request, "request timeout"), (timeouts.response, "response stream timeout"))
    limits = [Limit(seconds, f"{name}: {written(seconds)}") for seconds, name in named if seconds is not None]
    return min(limits, key=lambda limit: limit.seconds, default=None)


def written(seconds: float) -> str:
    """Returns a time as the proxy writes it: `1.5s`, `500ms`."""
    return f"{seconds:g}s" if seconds >= 1 else f"{1000 * seconds:g}ms"


def request_timeout(route: Route, rule: RouteRule) -> float | None:
    """Returns a rule's `timeouts.request`; the Gateway API's composite ones (`1m30s`) aren't read."""
    if route.resource.group == GROUP or rule.timeouts is None or rule.request_timeout is None:
        return rule.request_timeout
    try:
        return annotation.duration_of(rule.timeouts.request)
    except annotation.Unreadable:
        return None


Attempt = Callable[[Message, Limit | None], Answers]
"""Sends a request once, within the time that is left."""


def with_retries(
    attempt: Attempt, again: Repetition | None, limit: Limit | None, message: Message
) -> Answers:
    """Returns the answers of an attempt, with what is retried sent again while there is time left.

    A try that exceeds the retry timeout is sent again, but the last try may take its time. Raises
    NotModelledError where a share of the requests is still sent again after many tries.
    """
    if again is None:
        return attempt(message, limit)
    # The application of an explored request answers all tries alike.
    alike = attempt(message, None) if limit is None and message.is_explored else None
    applying = [again.applies(branch.value) for branch in alike or ()]
    kept: list[Branch[Outcome]] = []
    pending: Branches[float] = certain(0.0)  # the time spent, of what is sent (again)
    for tries in range(1, again.limit + 2):
        if tries > MAX_TRIES:
            raise NotModelledError(f"a request that is sent more than {MAX_TRIES} times isn't modelled")
        retried: list[Branch[float]] = []
        sent = replace(message, attempt=message.attempt + tries - 1)
        for before in pending:
            left = limit.after(before.value) if limit else None
            for number, branch in enumerate(alike if alike is not None else attempt(sent, left)):
                weight, trace = before.weight * branch.weight, before.trace + branch.trace
                spent = branch.value.seconds
                slow = again.timeout is not None and spent > again.timeout
                over = left is not None and spent >= left.seconds
                applies = applying[number] if alike is not None else again.applies(branch.value)
                outcome = replace(branch.value, seconds=before.value + spent)
                wanted = slow or (not over and applies)
                if wanted and again.allowance is not None:
                    kept.append(Branch(weight * again.allowance.ends(tries), outcome, trace))
                    weight = weight * again.allowance.goes_on(tries)
                elif tries > again.limit or not wanted:
                    kept.append(Branch(weight, outcome, trace))
                if tries > again.limit or not wanted:
                    continue
                ended = words("took too long") if slow else words("gave {}", str(branch.value))
                why = built_in(Action.RETRIED, "try {} {}: sent again", tries, ended)
                after = before.value + (again.timeout if slow and again.timeout else spent)
                retried.append(Branch(weight, after, (*trace, why)))
        pending = averaged(retried)
        if not pending:
            break
    return tuple(branch for branch in kept if branch.weight)

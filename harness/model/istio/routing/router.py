"""What an Envoy does with a request once a rule has taken it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING

from harness.base import grpc
from harness.base.errors import NotModelledError
from harness.base.records import with_fields
from harness.model import replies
from harness.model.distribution import ONE, Branch, Branches, after, certain, mapped, shares, tally, then
from harness.model.istio.routing import rewriting
from harness.model.istio.upstream import cluster as upstream
from harness.model.istio.upstream import destination_rule, tries
from harness.model.istio.upstream.retries import (
    Retries,
)
from harness.traffic.outcomes import Outcome
from harness.traffic.trace import Action, Arrivals, Step, step

if TYPE_CHECKING:
    from harness.api.headers import HeaderChanges
    from harness.api.istio.destination_rule import ConsistentHash
    from harness.model.istio.routing.rule import Chosen, Mirror, RoutingDestination, RoutingRule
    from harness.model.message import Answers, ClientSide, Message

_MILLION = 1_000_000


def follow(side: ClientSide, port: int, message: Message, chosen: Chosen) -> Answers:
    """Returns what comes back of a request that a rule took. Faults are neither timed nor retried by it."""
    rule = chosen.rule

    def faulted(fault: tuple[float, Outcome | None]) -> Answers:
        delay, aborted = fault
        answered = certain(aborted) if aborted else _acted(side, port, message, chosen)
        if not delay:
            return answered
        return mapped(answered, lambda outcome: with_fields(outcome, seconds=outcome.seconds + delay))

    return after(then(_faults(message, rule), faulted), *chosen.trace)


def _faults(message: Message, rule: RoutingRule) -> Branches[tuple[float, Outcome | None]]:
    """The delays and aborts that a rule injects, with their probabilities."""
    if rule.fault is None:
        return certain((0.0, None))
    delay, abortion = rule.fault.delay, rule.fault.abort
    seconds, status, called = delay.fixed_delay or 0.0, abortion.http_status or 0, abortion.grpc_status
    delayed = _fraction(delay.share) if seconds else Fraction(0)
    aborted = _fraction(abortion.share) if status or called in grpc.STATUSES else 0
    if called in grpc.STATUSES:
        code = grpc.STATUSES.index(called)
        abort = Outcome(status=200, grpc_status=code, headers=(("server", "envoy"),), body="")
    else:
        abort = replies.envoy(message, status, "fault filter abort")
    delay_field, abort_field = f"{rule.field}.fault.delay", f"{rule.field}.fault.abort"
    delay_trace = (step(rule.origin, delay_field, Action.DELAYED, "delays by {:g} s", seconds),)
    abort_trace = (step(rule.origin, abort_field, Action.ABORTED, "aborts with {}", str(abort)),)
    delays = shares(((delayed, seconds, delay_trace), (ONE - delayed, 0.0, ())))
    return then(
        delays,
        lambda delay: shares(((aborted, (delay, abort), abort_trace), (ONE - aborted, (delay, None), ()))),
    )


def _fraction(percent: float) -> Fraction:
    # Envoy gets a whole number of millionths.
    return Fraction(min(int(percent * _MILLION / 100), _MILLION), _MILLION)


def _acted(side: ClientSide, port: int, message: Message, chosen: Chosen) -> Answers:
    """What a rule does with a request; its CORS policy comes before, whatever that is."""
    rule = chosen.rule
    if rule.cors is None:
        return _answered(side, port, message, chosen)
    cors, field = rule.cors, f"{rule.field}.corsPolicy"
    preflight = cors.preflight(message)
    if preflight is not None:
        return certain(preflight, step(rule.origin, field, Action.ANSWERED, "answers the preflight itself"))
    branches = _answered(side, port, message, chosen)
    if origin := message.header("origin"):
        action, text = Action.DENIED, "origin {} isn't allowed: nothing is added"
        if cors.allowed(message):
            action, text = Action.ALLOWED, "origin {} may read the answer"
        branches = after(branches, step(rule.origin, field, action, text, origin))
    return mapped(branches, lambda each: with_fields(each, headers=cors.on_response(message, each.headers)))


def _answered(side: ClientSide, port: int, message: Message, chosen: Chosen) -> Answers:
    rule = chosen.rule
    if rule.redirect:
        target = rewriting.location(message, rule.redirect, chosen.match, port)
        answer = replies.envoy(message, rule.redirect.status, headers=(("location", target),))
        why = step(rule.origin, f"{rule.field}.redirect", Action.REDIRECTED, "redirects to {}", target)
        return certain(_with_headers(answer, rule.response_headers), why)
    if rule.direct:
        status, body = rule.direct
        answer = with_fields(replies.envoy(message, status, body), is_worded=True)
        why = step(rule.origin, rule.field, Action.ANSWERED, "answers {} itself", status)
        return certain(_with_headers(answer, rule.response_headers), why)
    return _forwarded(side, port, message, chosen)


def _with_headers(outcome: Outcome, changes: HeaderChanges) -> Outcome:
    return with_fields(outcome, headers=changes.apply(outcome.headers)) if changes else outcome


def _forwarded(side: ClientSide, port: int, message: Message, chosen: Chosen) -> Answers:
    rule = chosen.rule
    branches = then(weighted(rule), lambda destination: _sent(side, port, message, chosen, destination))
    if rule.timeout is not None:
        text = "limits the whole request to {:g} s"
        limit = step(rule.origin, rule.field, Action.LIMITED, text, rule.timeout)
        branches = after(tuple(_cut(message, branch, rule.timeout) for branch in branches), limit)
    return after(branches, *(_copied(side, port, message, chosen, mirror) for mirror in rule.mirrors))


def _copied(side: ClientSide, port: int, message: Message, chosen: Chosen, mirror: Mirror) -> Step:
    """What a copy does: its answer is thrown away, and it is sent once, but what gets it has it."""
    once = replace(chosen, rule=replace(chosen.rule, retries=Retries(attempts=0)))
    arrived: Arrivals | None = None
    with suppress(NotModelledError):
        arrived = tally(_sent(side, port, message, once, mirror.destination))
    if arrived is not None:
        share = Fraction(str(mirror.percent)) / 100
        arrived = tuple((workload, number * share) for workload, number in arrived)
    text = "a copy goes to {}; its answer is thrown away"
    copied = step(chosen.rule.origin, chosen.rule.field, Action.MIRRORED, text, str(mirror))
    return replace(copied, arrivals=arrived)


def _cut(message: Message, branch: Branch[Outcome], limit: float) -> Branch[Outcome]:
    """The outcome, or 504 where it takes longer than the limit: of several tries nobody knows how many."""
    if branch.value.seconds <= limit:
        return branch
    trace = branch.trace
    if sum(bool(reason.arrivals) and not reason.depth for reason in trace) > 1:
        trace = (*trace, Step(Action.TIMED_OUT, "the time limit ends the tries", arrivals=None))
    return Branch(branch.weight, tries.bounded(message, branch.value, limit), trace)


def weighted(rule: RoutingRule) -> Branches[RoutingDestination]:
    """Returns a rule's destinations by their shares."""
    total = sum(destination.weight for destination in rule.destinations)

    def why(destination: RoutingDestination) -> Step:
        field, host = f"{destination.field}.weight", destination.host
        if len(rule.destinations) == 1:
            return step(rule.origin, field, Action.MATCHED, "the only destination: {}", host)
        share = (destination.weight, total, host)
        return step(rule.origin, field, Action.SHARED, "takes {} of {}: {}", *share)

    return shares((each.weight, each, (why(each),)) for each in rule.destinations)


def _sent(
    side: ClientSide, port: int, message: Message, chosen: Chosen, destination: RoutingDestination
) -> Answers:
    rule = chosen.rule
    if destination.port is None and not side.client.gateway:
        # Of a destination a sidecar knows here only the port that was dialled, whichever others it has
        # [istio/istio: core.BuildSidecarOutboundVirtualHosts, route.GetDestinationCluster].
        destination = replace(destination, port=port)
    target = upstream.upstream(side, rule, destination, port)
    changed = rewriting.forwarded(message, rule, chosen.match, destination.request_headers)
    hashes, retries = _hashes(side, rule), rule.retries
    if hashes and retries.elsewhere is None:  # of several destinations tries go to other pods all the same
        retries = replace(retries, elsewhere=len(rule.destinations) > 1)
    answered = tries.send(side, changed, target, retries, rule.timeout, hashes)
    changes = tuple(filter(None, (destination.response_headers, rule.response_headers)))
    if not changes:
        return answered
    return mapped(answered, lambda outcome: reduce(_with_headers, changes, outcome))


def _hashes(side: ClientSide, rule: RoutingRule) -> tuple[ConsistentHash, ...]:
    """What the requests of a rule are kept on pods by: one hash of all that its destinations say."""
    if not destination_rule.any_hash(side.state):
        return ()
    alone = len(rule.destinations) == 1
    every = (upstream.route_hash(side, each) for each in rule.destinations if alone or each.weight)
    return tuple(each for each in every if each is not None)

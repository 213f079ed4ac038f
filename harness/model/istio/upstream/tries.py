"""Tries: a request is sent to a destination's endpoints, again where that fails, within time limits."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING

from harness.base.records import with_fields
from harness.model import replies
from harness.model.distribution import Branch, after, averaged, certain, mapped, then
from harness.model.istio.upstream import client_tls, hashing, outliers
from harness.model.istio.upstream.cluster import Missing
from harness.model.network.services import alike
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from harness.api.istio.destination_rule import ConsistentHash
    from harness.base.vocabulary import Workload
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.upstream.cluster import Upstream
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.istio.upstream.hashing import Sticking
    from harness.model.istio.upstream.retries import Retries
    from harness.model.message import Answers, ClientSide, Message

CONNECT_TIMEOUT = 10.0
"""Seconds until a connection is given up [Istio: MeshConfig, connectTimeout]."""


def send(
    side: ClientSide,
    message: Message,
    target: Upstream | Missing,
    retries: Retries,
    limit: float | None = None,
    hashes: tuple[ConsistentHash, ...] | None = None,
) -> Answers:
    """Returns the answers of a destination's endpoints, with what is retried sent again.

    A retry goes to a pod that wasn't tried yet, while there is one; where `hashes` of its route keep it on
    one pod (None: those of the destination, which has no route), to that. Pods of one workload fare alike, so
    of those tried only the number counts. For a destination that leads nowhere Envoy answers. No try
    begins after the limit, in seconds for all of them.
    """
    if isinstance(target, Missing):
        return certain(replies.envoy(message, target.status, target.body), *target.trace)
    policy, every = target.policy, (*target.targets, *target.others)
    pods = Counter(place.endpoint.pod.workload for place in target.targets)
    groups, spare = (
        alike(side.state, ((place.weight, place.endpoint, place) for place in places))
        for places in (target.targets, target.others)
    )
    places = [place for _, place in (*groups, *spare)]
    sticking = hashing.sticking(message, policy, hashes)
    elsewhere = retries.elsewhere is not False
    keeps = bool(sticking.affinity) and not elsewhere

    def attempt(number: int, tried: Counter[Workload], begun: float, kept_on: int | None = None) -> Answers:
        def once(index: int) -> tuple[int, Answers]:
            return index, _once(side, target, places[index], message, number, retries, sticking)

        fresh = (pods - tried if elsewhere else pods) or pods
        weights = [
            (index, Fraction(fresh[workload] * weight, pods[workload]))
            for index, (weight, place) in enumerate(groups)
            if (workload := place.endpoint.pod.workload)
        ]
        if kept_on is not None:
            weights = [(kept_on, Fraction(1))]
        choices = [(weight, once(index)) for index, weight in weights if weight]
        picks = outliers.picking(policy, choices)
        if any(outliers.may_fail(policy, answers) for _, (_, answers) in choices):
            further = [once(len(groups) + index) for index in range(len(spare))]
            picks += tuple(Branch(outliers.seldom(policy), each) for each in further)
            picked_answers = [answers for _, answers in (*(choice for _, choice in choices), *further)]
            kept = [*outliers.outage(policy, message, picked_answers, len(every))]
        else:
            kept = []
        retried: list[Branch[tuple[Workload, float, int | None]]] = []
        for picked in picks:
            index, answers = picked.value
            place = places[index]
            for branch in answers:
                weight = picked.weight * branch.weight
                ended = begun + branch.value.seconds
                if retries.again(number, branch.value) and (limit is None or ended <= limit):
                    text = "try {} gave {}, which is retried"
                    trace = (*branch.trace, built_in(Action.RETRIED, text, number, str(branch.value)))
                    again_on = index if keeps else None
                    spent = (place.endpoint.pod.workload, branch.value.seconds, again_on)
                    retried.append(Branch(weight, spent, trace))
                else:
                    answer = answered(message, branch.value, retried=number > 1)
                    kept.append(Branch(weight, answer, branch.trace))

        def resent(spent: tuple[Workload, float, int | None]) -> Answers:
            workload, seconds, again_on = spent
            later = attempt(number + 1, tried + Counter([workload]), begun + seconds, again_on)
            return mapped(later, lambda outcome: with_fields(outcome, seconds=seconds + outcome.seconds))

        return (*kept, *then(averaged(retried), resent))

    return after(attempt(1, Counter(), 0.0), *target.trace)


def answered(message: Message, outcome: Outcome, *, retried: bool) -> Outcome:
    """Returns what a client gets of an endpoint's answer, or of the lack of one, through its Envoy."""
    if outcome.external:
        return outcome
    if outcome.failure is None:
        headers = tuple((name, value) for name, value in outcome.headers if name != "server")
        return with_fields(outcome, headers=(*headers, ("server", "envoy")))
    answer = replies.upstream_failure(message, outcome.failure, retried=retried)
    return with_fields(answer, seconds=outcome.seconds, hop=outcome.hop)


def _once(
    side: ClientSide,
    target: Upstream,
    place: Target,
    message: Message,
    number: int,
    retries: Retries,
    sticking: Sticking,
) -> Answers:
    policy = target.policy
    tried = with_fields(message, attempt=number).plus(
        ("x-envoy-attempt-count", str(number)), ("x-forwarded-proto", message.scheme)
    )
    kept = []
    for branch in client_tls.connect(side, place, tried, target.name, policy):
        whole = sticking.of(_waited(policy, branch.value), place, target.name)
        outcome = bounded(message, whole, retries.per_try_timeout)
        ended = built_in(Action.TIMED_OUT, "its own time limit ends try {}", str(number))
        steps = (outliers.counted(policy, branch.value), None if outcome is whole else ended)
        kept.append(Branch(branch.weight, outcome, (*branch.trace, *filter(None, steps))))
    return tuple(kept)


def _waited(policy: Policy, outcome: Outcome) -> Outcome:
    """What comes of a connection that nobody takes: Envoy gives it up after a time."""
    if outcome.failure is not Failure.TIMEOUT:
        return outcome
    pool = policy.connection_pool
    return with_fields(outcome, seconds=(pool.tcp.connect_timeout if pool else None) or CONNECT_TIMEOUT)


def bounded(message: Message, outcome: Outcome, limit: float | None) -> Outcome:
    """Returns the outcome, or 504 where it takes longer than the limit."""
    if limit is None or outcome.seconds <= limit:
        return outcome
    return with_fields(replies.envoy(message, 504, "upstream request timeout"), seconds=limit)

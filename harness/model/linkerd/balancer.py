"""From a Service's port to one of its pods, as the client's proxy dispatches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branch, Branches, after, mapped, pooled, shares, then
from harness.model.hop import Arrival
from harness.model.linkerd.limits import Limit
from harness.model.message import Message
from harness.model.objects import not_modelled, reason
from harness.traffic.outcomes import Outcome
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.hop import Deliver
    from harness.model.kubernetes import Endpoint, ServicePort
    from harness.model.linkerd.limits import Retry
    from harness.model.pods import Pod

Attempt = Callable[[Message, Limit | None], Branches[Outcome]]
"""Sends a request once, within the time that is left."""

UNEVEN = "by load and latency (P2C, EWMA): which pod gets which share isn't specified"

_ACCRUAL = "balancer.linkerd.io/failure-accrual"


def dispatch(
    client: Pod, port: ServicePort, found: tuple[Endpoint, ...], message: Message, deliver: Deliver
) -> Branches[Outcome]:
    """Returns what the pods behind a Service's port answer; to meshed ones over mutual TLS.

    Without a rule for shares the model gives each pod the same, and says that this isn't specified.
    Raises NotModelledError where failure accrual would act on what is answered.
    """
    spread = (
        () if len(found) == 1 else (reason(port.service, "spec.selector", f"{len(found)} pods {UNEVEN}"),)
    )
    branches = tuple(
        Branch(picked.weight * one.weight, one.value, one.trace)
        for picked in shares((1, endpoint, ()) for endpoint in found)
        for one in _to(client, picked.value, message, deliver)
    )
    annotations = (port.service.data.get("metadata") or {}).get("annotations") or {}
    if _ACCRUAL in annotations and any((one.value.status or 599) >= 500 for one in branches):
        why = "an endpoint that fails is taken out after some failures: that depends on other requests"
        raise not_modelled(port.service, f"annotation {_ACCRUAL}", why)
    return after(branches, *spread)


def _to(client: Pod, endpoint: Endpoint, message: Message, deliver: Deliver) -> Branches[Outcome]:
    meshed = endpoint.pod.mesh is Mesh.LINKERD
    text = "has a Linkerd proxy: mutual TLS" if meshed else "has no Linkerd proxy: plaintext"
    arrival = Arrival(client, endpoint.pod, endpoint.port, message, Mesh.LINKERD if meshed else None)
    branches = after(deliver(arrival), Reason(f"{endpoint.pod.workload} {text}"))

    def answered(outcome: Outcome) -> Outcome:
        if outcome.failure is None:
            return outcome
        error = f"endpoint <ip>:{endpoint.port}: client error (SendRequest)"
        return replace(replies.linkerd(message, 502, error, close=True), seconds=outcome.seconds)

    return mapped(branches, answered)


def with_retries(
    attempt: Attempt, again: Retry | None, limit: Limit | None, message: Message
) -> Branches[Outcome]:
    """Returns the answers of an attempt, with what is retried sent again while there is time left.

    A try that exceeds the retry timeout is sent again, but the last try may take its time.
    """
    once = attempt(message, limit)
    if again is None or message.attempt > again.limit:
        return once
    kept: list[Branch[Outcome]] = []
    retried: list[Branch[float]] = []  # the time spent, of each answer that is sent again
    for one in once:
        spent = one.value.seconds
        slow = again.timeout is not None and spent > again.timeout
        over = limit is not None and spent >= limit.seconds
        if not slow and (over or not again.applies(one.value)):
            kept.append(one)
            continue
        ended = "took too long" if slow else f"gave {one.value}"
        why = Reason(f"try {message.attempt} {ended}: sent again")
        spent = again.timeout if slow and again.timeout else spent
        retried.append(Branch(one.weight, spent, (*one.trace, why)))
    following = replace(message, attempt=message.attempt + 1)

    def resent(spent: float) -> Branches[Outcome]:
        left = limit.after(spent) if limit else None
        later = with_retries(attempt, again, left, following)
        return mapped(later, lambda outcome: replace(outcome, seconds=spent + outcome.seconds))

    return (*kept, *then(pooled(retried), resent))

"""Sending a request again, as the client's proxy does it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.base.errors import NotModelledError
from harness.model.distribution import Branch, Branches, certain, pooled
from harness.model.linkerd.routing.limits import Limit
from harness.model.message import Answers, Message
from harness.traffic.trace import Action, built_in, words

if TYPE_CHECKING:
    from harness.model.linkerd.routing.limits import Repetition
    from harness.traffic.outcomes import Outcome

Attempt = Callable[[Message, Limit | None], Answers]
"""Sends a request once, within the time that is left."""

MAX_TRIES = 200
"""Tries that the model follows one by one."""


def with_retries(
    attempt: Attempt, again: Repetition | None, limit: Limit | None, message: Message
) -> Answers:
    """Returns the answers of an attempt, with what is retried sent again while there is time left.

    A try that exceeds the retry timeout is sent again, but the last try may take its time. Raises
    NotModelledError where a share of the requests is still sent again after many tries.
    """
    if again is None:
        return attempt(message, limit)
    kept: list[Branch[Outcome]] = []
    pending: Branches[float] = certain(0.0)  # the time spent, of what is sent (again)
    for tries in range(1, again.limit + 2):
        if tries > MAX_TRIES:
            raise NotModelledError(f"a request that is sent more than {MAX_TRIES} times isn't modelled")
        retried: list[Branch[float]] = []
        sent = replace(message, attempt=message.attempt + tries - 1)
        for before in pending:
            left = limit.after(before.value) if limit else None
            for one in attempt(sent, left):
                weight, trace = before.weight * one.weight, before.trace + one.trace
                spent = one.value.seconds
                slow = again.timeout is not None and spent > again.timeout
                over = left is not None and spent >= left.seconds
                if tries > again.limit or not (slow or (not over and again.applies(one.value))):
                    outcome = replace(one.value, seconds=before.value + spent)
                    kept.append(Branch(weight, outcome, trace))
                    continue
                ended = words("took too long") if slow else words("gave {}", str(one.value))
                why = built_in(Action.RETRIED, "try {} {}: sent again", tries, ended)
                after = before.value + (again.timeout if slow and again.timeout else spent)
                retried.append(Branch(weight, after, (*trace, why)))
        pending = pooled(retried)
        if not pending:
            break
    return tuple(kept)

"""What a client and the servers notice of a request, by a small rule of the oracle's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

from harness.base.errors import NotModelledError
from harness.model import apps
from harness.model.apps.base import App, AppRequest
from harness.model.decide import arrivals
from harness.model.distribution import certain
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.model import State
    from harness.model.message import Answers
    from harness.model.state import Pod
    from harness.traffic.request import Request
    from harness.traffic.trace import Arrivals

_WORDS = {
    "backend": "elsewhere",
    "mutual": "mutual TLS",
    "answer": "status",
    "path": "path at the server",
    "host": "host at the server",
    "asked": "headers at the server",
    "headers": "headers of the answer",
    "seconds": "seconds",
    "words": "words of a proxy's answer",
}
"""What is noticed of an answer, and the word for its being different; the worst first."""

_PROXIES = (
    "x-forwarded-",
    "x-envoy-",
    "x-request-id",
    "l5d-",
    "server",
    "date",
    "via",
    "content-length",
    "grpc-message",
)
"""Beginnings of headers that proxies set by themselves."""

_ERRORS = ("grpc-message", "l5d-proxy-error")
"""Where a proxy says why it answers, beside the body."""


@dataclass(frozen=True)
class Answer:
    """One thing that may come back, and what the server saw; `undecided` is what the model can't decide."""

    undecided: str = ""
    answer: str = ""
    backend: str = ""
    path: str = ""
    host: str = ""
    asked: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0
    mutual: bool | None = None
    words: str = ""
    served: bool = False

    def __str__(self) -> str:
        parts = (getattr(self, name) for name in ("undecided", "answer", *_WORDS) if name != "served")
        return " ".join(dict.fromkeys(str(part) for part in parts if part not in ("", (), None, 0.0)))


@dataclass(frozen=True)
class Noticed:
    """All that may come back of a request, each with its weight, and what arrives at servers."""

    answers: Mapping[Answer, Fraction]
    arrived: Arrivals | None = ()

    def __str__(self) -> str:
        answers = "; ".join(f"{float(weight):.3g} {answer}" for answer, weight in self.answers.items())
        if self.arrived is None:
            return f"{answers} (what arrives isn't known)"
        return answers + "".join(f", {float(number):.3g} to {workload}" for workload, number in self.arrived)

    @property
    def answered(self) -> bool:
        """Whether anything may come back but a failure, or isn't decided."""
        return any(each.undecided or each.served or each.answer[:1].isdigit() for each in self.answers)

    def shares(self, name: str) -> Mapping[object, Fraction]:
        """Returns the weight of each value of a field."""
        shares: dict[object, Fraction] = {}
        for answer, weight in self.answers.items():
            value = getattr(answer, name)
            shares[value] = shares.get(value, Fraction(0)) + weight
        return shares


def noticed(state: State, request: Request) -> Noticed:
    """Returns what is noticed of a request, in the words of the model's error where it can't decide."""
    try:
        outcomes, arrived = arrivals(state, request)
    except NotModelledError as error:
        return Noticed({Answer(undecided=error.what): Fraction(1)})
    answers: dict[Answer, Fraction] = {}
    for group in outcomes.groups:
        answer = _answer(group.outcome)
        answers[answer] = answers.get(answer, Fraction(0)) + group.weight
    return Noticed(answers, arrived)


def unlike(before: Noticed, after: Noticed) -> str:
    """Returns in a word how two sides differ, the worst that holds; empty if they don't."""
    if before == after:
        return ""
    undecided = [any(answer.undecided for answer in side.answers) for side in (before, after)]
    if any(undecided):
        return "" if all(undecided) else "undecided"
    was, now = (side.shares("served").get(True, Fraction(0)) for side in (before, after))
    if was != now:
        return "opened" if now > was else "closed"
    differing = (word for name, word in _WORDS.items() if before.shares(name) != after.shares(name))
    return next(differing, "arrivals" if before.answers == after.answers else "shares")


def _answer(outcome: Outcome) -> Answer:
    saw, by_proxy = outcome.server_saw, outcome.backend is None
    grpc = f" grpc-status {outcome.grpc_status}" if outcome.grpc_status is not None else ""
    return Answer(
        answer=f"{outcome.status or outcome.failure or outcome.external or 'connected'}{grpc}",
        backend=str(outcome.backend or ""),
        path=saw.path if saw else "",
        host=saw.host if saw else "",
        asked=_own(saw.headers) if saw else (),
        headers=_own(outcome.headers),
        seconds=outcome.seconds,
        mutual=outcome.hop.mutual if outcome.hop and not by_proxy else None,
        words=" ".join(filter(None, (outcome.body, *map(outcome.header, _ERRORS)))) if by_proxy else "",
        served=not by_proxy or bool(outcome.external),
    )


def _own(headers: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    named = ((name.lower(), value) for name, value in headers)
    return tuple(sorted(header for header in named if not header[0].startswith(_PROXIES)))


def _of_status(request: AppRequest, status: int) -> Answers:
    """What an application answers that has one status for all requests; its gRPC is unavailable."""
    if request.message.grpc:
        return certain(request.outcome(200, grpc_status=14))
    return certain(request.outcome(status))


STATUSES = ("401", "404", "409", "429", "500", "502", "503", "504")
RESET = "with a reset"
IMAGES = {
    "at once": "any/application:1",
    "slowly": "any/slow:1",
    RESET: "oracle/reset:1",
    **{status: f"oracle/{status}:1" for status in STATUSES},
}
"""Applications by how they answer: at once, after an hour, not at all, or with a status."""

apps.APPS["oracle/reset"] = App(None, lambda _: certain(Outcome(failure=Failure.RESET)))
apps.APPS.update(
    {f"oracle/{status}": App(None, partial(_of_status, status=int(status))) for status in STATUSES}
)


def answering(state: State, how: str) -> State:
    """Returns the state with one application in all pods but gateways."""

    def alike(pod: Pod) -> Pod:
        if pod.gateway:
            return pod
        containers = tuple(replace(container, image=IMAGES[how]) for container in pod.containers)
        return replace(pod, containers=containers)

    return replace(
        state, running={workload: tuple(map(alike, pods)) for workload, pods in state.running.items()}
    )

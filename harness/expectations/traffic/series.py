"""`sticky`, `rate`: what holds for several requests: whether they reach one pod, how many get through."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, NamedTuple

from pydantic import Field

from harness.base import HarnessError
from harness.base.grpc import STATUSES
from harness.expectations.base import Ground, Sending, controlled, settled
from harness.expectations.values import Strict
from harness.expectations.verdict import NOT_PREDICTED, Call, Explanation, Result, Verdict
from harness.traffic.observables import Basis
from harness.traffic.series import Affinity, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base import Workload
    from harness.ground.ground import Provider
    from harness.traffic.outcomes import Outcome, Outcomes
    from harness.traffic.request import Request

_VALUES, _EACH = 12, 8
"""Values of a header (cookie, parameter) that a cluster is asked with, and requests with each of them."""

_BURSTS = 4
"""How many times as many requests are sent as a limit lets pass in its first second."""

_TOO_MANY, _EXHAUSTED = 429, STATUSES.index("RESOURCE_EXHAUSTED")


class Subject(Strict):
    """What requests have in common that are kept together: a header, cookie or query parameter."""

    header: str = ""
    cookie: str = ""
    parameter: str = ""

    def faults(self) -> Iterator[str]:
        if len(self.named) != 1:
            yield "write one of header, cookie, parameter"

    @property
    def named(self) -> tuple[Affinity, ...]:
        """What is written, as an affinity by it."""
        written = (
            (Key.HEADER, self.header.lower()),
            (Key.COOKIE, self.cookie),
            (Key.PARAMETER, self.parameter),
        )
        return tuple(Affinity(key, name) for key, name in written if name)


class _Seen(NamedTuple):
    """What was seen of requests: whether they are kept on pods (None: nobody can tell), and who answers."""

    kept: bool | None
    words: str
    workloads: tuple[Workload, ...] = ()
    sent: int | None = None


class Sticky(Sending):
    """Requests that have something in common reach one pod of several; or (`kept: false`) they don't."""

    kind: ClassVar[str] = "sticky"

    by: Subject | Literal["source"]
    kept: bool = True

    def title(self) -> str:
        how = "kept on one pod" if self.kept else "spread over pods"
        return f"{how} by {self._affinity}, {self.method} from {self.source} to {self.to}"

    @property
    def _affinity(self) -> Affinity:
        return self.by.named[0] if isinstance(self.by, Subject) else Affinity(Key.SOURCE)

    def _with(self, value: str) -> Request:
        """The request with this value of what it is kept by."""
        request, own = self.sent, self._affinity
        if own.key is Key.PARAMETER:
            return replace(request, url=f"{self.to}{'&' if request.query else '?'}{own.name}={value}")
        if own.key is Key.HEADER:
            return replace(request, headers=(*request.headers, (own.name, value)))
        if own.key is Key.COOKIE:
            sent = [text for name, text in request.headers if name.lower() == "cookie"]
            others = tuple(pair for pair in request.headers if pair[0].lower() != "cookie")
            cookies = "; ".join((*sent, f"{own.name}={value}"))
            return replace(request, headers=(*others, ("cookie", cookies)))
        return request

    def judge(self, ground: Ground) -> Verdict:
        provider = ground.provider
        if provider.basis is Basis.PREDICTED:
            outcomes = provider.send(self._with("harness"), 1)
            seen, explanations = self._predicted(outcomes), _explanations(outcomes)
            call = Call(self.sent, outcomes)
        else:
            settle = ground.confidence.settle
            seen = settled(lambda: self._observed(provider), lambda seen: seen.kept is self.kept, settle)
            explanations, call = (), None
        unproven = Result.INCONCLUSIVE if seen.kept is None else Result.FAIL
        verdict = Verdict(
            result=Result.PASS if seen.kept is self.kept else unproven,
            basis=provider.basis,
            expected=self._words(kept=self.kept),
            seen=seen.words,
            n=seen.sent,
            explanations=explanations,
            call=call,
        )
        if ground.shadow is not None:
            verdict = self._beside(ground.shadow, verdict, seen)
        return controlled(verdict, ground, lambda ground: self._several(ground, seen))

    def _words(self, *, kept: bool) -> str:
        return f"kept on one pod by {self._affinity}" if kept else "spread over several pods"

    def _predicted(self, outcomes: Outcomes) -> _Seen:
        """What the model says: all of it must come of pods of one workload, and by what it is asked for."""
        answers = [group.outcome for group in outcomes.groups]
        words = "; ".join(sorted(set(map(str, answers))))
        if any(answer.external for answer in answers):
            return _Seen(None, words)
        if any(answer.backend is None for answer in answers):
            return _Seen(not self.kept, words)  # whatever is asked for: nobody answers
        affinities = [answer.series.affinity for answer in answers]
        backends = tuple(dict.fromkeys(answer.backend for answer in answers if answer.backend))
        if len({answer.series.pool for answer in answers}) > 1:  # that are chosen for each request
            return _Seen(False, words, backends)
        wanted = (self._affinity.key, self._affinity.name)
        if self.kept:
            kept = all(wanted in ((each.key, each.name) for each in own) for own in affinities)
        else:  # what something else keeps together isn't spread
            kept = all(each.key is not Key.CONNECTION for own in affinities for each in own) and all(
                affinities
            )
        by = dict.fromkeys(" and ".join(map(str, own)) for own in affinities)
        told = (f"kept on one pod by {each}" if each else self._words(kept=False) for each in by)
        return _Seen(kept, "; ".join(told), backends)

    def _observed(self, provider: Provider) -> _Seen:
        """What a cluster shows: the pods that answer requests with each of some values."""
        values = [f"harness-{number}" for number in range(_VALUES)]
        sent = [provider.send(self._with(value), _EACH) for value in values]
        answers = [group.outcome for outcomes in sent for group in outcomes.groups]
        number = len(answers)
        if unknown := [answer for answer in answers if not answer.pod]:
            words = f"no pod is named by {len(unknown)} answers of {number}: {unknown[0]}"
            return _Seen(None, words, (), number)
        pods = [{group.outcome.pod for group in outcomes.groups} for outcomes in sent]
        workloads = tuple(dict.fromkeys(answer.backend for answer in answers if answer.backend))
        if any(len(own) > 1 for own in pods):
            words = f"equal requests reach {max(map(len, pods))} pods"
            return _Seen(False, words, workloads, number)
        together = set[str]().union(*pods)
        if self._affinity.key is not Key.SOURCE and len(together) == 1:
            return _Seen(None, "all requests reach one pod, whatever they have", workloads, number)
        return _Seen(True, self._words(kept=True), workloads, number)

    def _several(self, ground: Ground, seen: _Seen) -> Iterator[str]:
        """Shows that there are several pods that could answer."""
        count = sum(len(ground.provider.pods(workload)) for workload in seen.workloads)
        names = " and ".join(map(str, seen.workloads)) or "what answers"
        if count < 2:
            raise HarnessError(
                f"{names} has no second pod that could answer", todo="give it replicas: 2 at least"
            )
        yield f"{names}: {count} pods"

    def _beside(self, shadow: Provider, verdict: Verdict, seen: _Seen) -> Verdict:
        """The verdict with what the model says of the same requests."""
        try:
            outcomes = shadow.send(self._with("harness"), 1)
        except HarnessError as error:
            return replace(verdict, predicted=NOT_PREDICTED + error.what)
        due = self._predicted(outcomes)
        drift = ""
        if None not in (due.kept, seen.kept) and due.kept is not seen.kept:
            drift = f"{due.words}: predicted, {seen.words} observed"
        return replace(verdict, predicted=due.words, drift=drift, explanations=_explanations(outcomes))


class Rate(Sending):
    """So many requests a second get through, and of more a proxy answers some with 429.

    A limit counts at each pod by itself, and lets one second's worth pass at once.
    """

    kind: ClassVar[str] = "rate"

    per_second: Annotated[int, Field(ge=1)]

    def title(self) -> str:
        return f"{self.per_second} requests a second pass, {self.method} from {self.source} to {self.to}"

    def judge(self, ground: Ground) -> Verdict:
        provider = ground.provider
        expected = _limited(self.per_second)
        if provider.basis is Basis.PREDICTED:
            outcomes = provider.send(self.sent, 1)
            least = self._predicted(outcomes)
            return Verdict(
                result=Result.PASS if least == self.per_second else Result.FAIL,
                basis=provider.basis,
                expected=expected,
                seen=_limited(least),
                explanations=_explanations(outcomes),
                call=Call(self.sent, outcomes),
            )
        result, words, number = settled(
            lambda: self._observed(provider),
            lambda seen: seen[0] is Result.PASS,
            ground.confidence.settle,
            1.5,
        )
        verdict = Verdict(result=result, basis=provider.basis, expected=expected, seen=words, n=number)
        return self._beside(ground.shadow, verdict) if ground.shadow is not None else verdict

    def _predicted(self, outcomes: Outcomes) -> int | None:
        """The least of the limits that the request counts for, however it goes; None if there is none."""
        limits = [
            min((rate.requests for rate in group.outcome.series.rates), default=None)
            for group in outcomes.groups
        ]
        return limits[0] if len(set(limits)) == 1 else None

    def _observed(self, provider: Provider) -> tuple[Result, str, int]:
        """What becomes of more requests than may pass, sent as fast as it goes."""
        first = provider.send(self.sent, 1).groups[0].outcome
        pods = max(1, len(provider.pods(first.backend)) if first.backend else 1)
        number = _BURSTS * self.per_second * pods
        begun = time.monotonic()
        sent = provider.send(self.sent, number)
        seconds = time.monotonic() - begun
        refused = int(sum(group.weight for group in sent.groups if _is_limited(group.outcome)))
        passed, most = number - refused, int(pods * self.per_second * (1 + seconds)) + 1
        words = f"{passed} of {number} pass in {seconds:.1f} s, of {pods} pods"
        if not refused and number <= most:
            return Result.INCONCLUSIVE, f"{words}: too slow for the limit", number
        holds = refused and self.per_second - 1 <= passed <= most
        return Result.PASS if holds else Result.FAIL, words, number

    def _beside(self, shadow: Provider, verdict: Verdict) -> Verdict:
        try:
            outcomes = shadow.send(self.sent, 1)
        except HarnessError as error:
            return replace(verdict, predicted=NOT_PREDICTED + error.what)
        predicted = _limited(self._predicted(outcomes))
        return replace(verdict, predicted=predicted, explanations=_explanations(outcomes))


def _limited(requests: int | None) -> str:
    return f"at most {requests} a second" if requests else "no limit"


def _is_limited(outcome: Outcome) -> bool:
    return outcome.backend is None and (outcome.status == _TOO_MANY or outcome.grpc_status == _EXHAUSTED)


def _explanations(outcomes: Outcomes) -> tuple[Explanation, ...]:
    traced = [group for group in outcomes.groups if group.trace][:1]
    return tuple(Explanation(str(group.outcome), group.trace) for group in traced)

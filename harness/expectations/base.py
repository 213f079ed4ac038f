"""What all expectations share: how they are written, and how requests judge them."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, ClassVar, TypeVar

from pydantic import Field

from harness.base import HarnessError, Workload
from harness.base.errors import WitnessError
from harness.base.settings import Confidence
from harness.expectations.values import Method, Percentage, Strict, Url, WorkloadName
from harness.expectations.verdict import NOT_PREDICTED, UNKNOWN, Call, Explanation, Result, Verdict
from harness.traffic.between import Between, percent
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Outcomes
from harness.traffic.request import Request
from harness.traffic.sequential import unseen
from harness.traffic.statistics import (
    Comparison,
    compare_exact,
    compare_sample,
    correlated,
    disagreement,
    looks,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from harness.analysis.translate import Translation
    from harness.base import Resource
    from harness.expectations.record import Record
    from harness.ground.ground import Provider
    from harness.traffic.load import Course
    from harness.traffic.outcomes import Outcome

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

MOVED = "how often depends on other requests, by the settings that the trace names"
"""Evidence of shares of which only bounds are known."""

DEPENDENT = "answers depend on each other: like ones follow one another more often than chance allows"
"""Evidence of a sample that shows no shares."""

WARM_UP = 20
"""Requests of a batch sent to see whether an expectation's effect is there yet."""


@dataclass(frozen=True)
class Ground:
    """What an expectation is judged on: a provider, and the scenario's objects.

    `shadow` is the model running beside a cluster, for predictions and traces. `translations` are the
    configs that were translated, as they were last applied, with their findings. `course` is what became of
    the expectation's load in the transition to this stage, `shadow_course` what the model predicts of it.
    `record` is told each sample that counts, and what is reported of objects.
    """

    provider: Provider
    apps: tuple[Resource, ...] = ()
    configs: Mapping[str, tuple[Resource, ...]] = field(default_factory=dict)
    shadow: Provider | None = None
    confidence: Confidence = field(default_factory=Confidence)
    translations: Mapping[str, Translation] = field(default_factory=dict)
    course: Course | None = None
    shadow_course: Course | None = None
    record: Record | None = None


@dataclass(frozen=True)
class Reference:
    """A workload, config, or object of a config that an expectation names, and where in its YAML."""

    path: tuple[str | int, ...]
    workload: Workload | None = None
    config: str | None = None
    object_of: tuple[str, str] | None = None
    """A config's name, and one of its objects as `Kind namespace/name`."""
    translated: bool = False
    """Whether the config must be a translation."""


class Expectation(Strict):
    """One thing that must be true in a stage."""

    kind: ClassVar[str]

    def title(self) -> str:
        """Returns the name that it has if the scenario gives it none."""
        raise NotImplementedError

    def references(self) -> Iterator[Reference]:
        """Yields the workloads and configs that it names; workloads are in fields of their own."""
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if isinstance(value, Workload):
                yield Reference((info.alias or name,), workload=value)

    def unready(self) -> Iterator[Workload]:
        """Yields the workloads that it expects not to be ready, for which its stage mustn't wait."""
        return iter(())

    def judge(self, ground: Ground) -> Verdict:
        """Returns the verdict; raises HarnessError where the ground can't be asked at all."""
        raise NotImplementedError


class Sending(Expectation):
    """An expectation on what requests from a workload's pod do elsewhere than in their answers."""

    source: WorkloadName = Field(alias="from")
    to: Url
    method: Method = "GET"
    headers: dict[str, str] = Field(default_factory=dict)

    @property
    def sent(self) -> Request:
        """The request that is sent."""
        return Request(self.source, self.to, self.method, tuple(self.headers.items()))


class Asking(Expectation):
    """An expectation on what comes back of equal requests, wherever they are sent from."""

    to: Url
    method: Method = "GET"
    headers: dict[str, str] = Field(default_factory=dict)
    unseen_at_most: Percentage | None = None
    """The share, at most, that may be otherwise and stay unseen, where nothing or everything is expected."""

    witness: ClassVar[bool] = False

    @property
    def label(self) -> str:
        """The class of which all outcomes must be, where there is just one."""
        raise NotImplementedError

    def request(self, ground: Ground) -> Request:
        """Returns the request that the probe repeats."""
        raise NotImplementedError

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        """Returns the share that each class of outcomes must have."""
        return {self.label: Fraction(1)}

    def classify(self, outcome: Outcome) -> str:
        """Returns the class of an outcome; UNKNOWN if it doesn't tell."""
        return UNKNOWN if outcome.external else self.class_of(outcome)

    def class_of(self, outcome: Outcome) -> str:
        """Returns the class of an outcome that isn't a server's outside to decide."""
        raise NotImplementedError

    def compared(self, outcome: Outcome) -> str:
        """Returns the class of an outcome when an observed one is compared with the model's."""
        return self.classify(outcome)

    def control(self, ground: Ground) -> Iterable[str]:
        """Yields evidence that what is absent could be there; raises HarnessError where it couldn't."""
        return ()

    def judge(self, ground: Ground) -> Verdict:
        request, expected = self.request(ground), self.expected(ground)
        if self.unseen_at_most is not None:
            confidence = replace(ground.confidence, unseen=float(self.unseen_at_most))
            ground = replace(ground, confidence=confidence)
        outcomes, comparison = self._measured(ground, request, expected)
        dependent = not outcomes.exact and correlated(outcomes, self.classify, ground.confidence, expected)
        single = len(outcomes.classes(self.classify)) == 1
        undecided = comparison.holds is None or (dependent and not single)
        if undecided or UNKNOWN in outcomes.classes(self.classify):
            unproven = Result.INCONCLUSIVE
        else:
            unproven = Result.FAIL
        verdict = Verdict(
            result=Result.PASS if comparison.holds and not undecided else unproven,
            basis=ground.provider.basis,
            expected=percentages(expected.items()),
            seen=", ".join(share.words for share in comparison.shares),
            n=outcomes.n,
            shares=comparison.shares,
            evidence=self._evidence(outcomes, expected, ground.confidence, dependent=dependent),
            call=Call(request, outcomes),
        )
        return controlled(self._explained(verdict, ground, request, outcomes), ground, self.control)

    def _evidence(
        self,
        outcomes: Outcomes,
        expected: Mapping[str, Fraction],
        confidence: Confidence,
        *,
        dependent: bool,
    ) -> tuple[str, ...]:
        """What shows the verdict, and how far it shows it."""
        if outcomes.n is None:
            moved = any(isinstance(share, Between) for share in outcomes.classes(self.classify).values())
            return (MOVED,) if moved else ()
        witnesses = (witness for g in outcomes.groups if g.outcome.hop for witness in g.outcome.hop.witnesses)
        lines = [DEPENDENT] if dependent else []
        if outcomes.n and any(share in (0, 1) for share in expected.values()):
            lines.append(unseen_words(outcomes.n, confidence))
        return (*dict.fromkeys(witnesses), *lines)

    def _measured(
        self, ground: Ground, request: Request, expected: Mapping[str, Fraction]
    ) -> tuple[Outcomes, Comparison]:
        """Sends the request until the outcomes decide; returns them with what they say.

        The model's distribution decides at once. On a cluster, where all shall be of one class, a first
        sample may show just that. Else small batches are sent, until nothing unexpected comes back or the
        time to settle is over (each pooled connection serves one more request under an old policy); they
        don't count. Then one sample, grown look by look.
        """
        provider, confidence = ground.provider, ground.confidence
        if provider.basis is Basis.PREDICTED:
            outcomes = provider.send(request, 1, witness=self.witness)
            return outcomes, compare_exact(expected, outcomes.classes(self.classify))
        wanted = {label for label, share in expected.items() if share}

        if len(wanted) == 1:
            sample, comparison = self._first_look(ground, request, expected)
            if comparison.holds:
                return sample, comparison

        def as_wanted() -> bool:
            try:
                return wanted.issuperset(
                    provider.send(request, WARM_UP, witness=self.witness).classes(self.classify)
                )
            except WitnessError:  # pooled connections outlive a change
                return False

        settled(as_wanted, bool, confidence.settle)
        sample, comparison = Outcomes((), 0), Comparison(None, ())
        for size in looks(expected, confidence):
            first = not sample.n
            sample += provider.send(request, size - (sample.n or 0), witness=self.witness)
            if first and correlated(sample, self.classify, confidence, expected):
                # Over a connection that is balanced as a whole: each request gets one of its own.
                request = replace(request, new_connection=True)
                sample = provider.send(request, size, witness=self.witness)
            classes = sample.classes(self.classify)
            comparison = compare_sample(expected, classes, confidence)
            log.info("%s: %d requests, %s", request, sample.n, dict(classes))
            if comparison.holds is not None:
                break
        if ground.record is not None:
            ground.record.sample(request, sample)
        return sample, comparison

    def _first_look(
        self, ground: Ground, request: Request, expected: Mapping[str, Fraction]
    ) -> tuple[Outcomes, Comparison]:
        """What a sample says that is taken at once: it counts only if it holds."""
        try:
            first = looks(expected, ground.confidence)[0]
            sample = ground.provider.send(request, first, witness=self.witness)
        except WitnessError:
            return Outcomes((), 0), Comparison(None, ())
        classes = sample.classes(self.classify)
        comparison = compare_sample(expected, classes, ground.confidence)
        if comparison.holds:
            log.info("%s: %d requests at once, %s", request, sample.n, dict(classes))
            if ground.record is not None:
                ground.record.sample(request, sample)
        return sample, comparison

    def _explained(self, verdict: Verdict, ground: Ground, request: Request, outcomes: Outcomes) -> Verdict:
        """The verdict with the traces of its classes, the model's where a cluster was asked.

        There it also says what the model predicts, and how the sample differs from that.
        """
        if ground.shadow is None:
            return replace(verdict, explanations=self._explanations(outcomes))
        try:
            exact = ground.shadow.send(request, 1)
        except HarnessError as error:
            return replace(verdict, predicted=NOT_PREDICTED + error.what)
        classes = exact.classes(self.classify)
        return replace(
            verdict,
            explanations=self._explanations(exact),
            call=Call(request, outcomes, exact),
            predicted=percentages(classes.items()),
            drift=disagreement(exact, outcomes, self.compared, ground.confidence, UNKNOWN),
        )

    def _explanations(self, outcomes: Outcomes) -> tuple[Explanation, ...]:
        """The trace of the first outcome of each class that has one."""
        groups = [group for group in reversed(outcomes.groups) if group.trace]
        by_label = {self.classify(group.outcome): group.trace for group in groups}
        return tuple(Explanation(label, trace) for label, trace in reversed(by_label.items()))


class Probing(Asking):
    """An expectation on what comes back of equal requests from a workload's pod.

    With `pod` one of that workload's pods is dialled by its address, in the place of the URL's host.
    """

    source: WorkloadName = Field(alias="from")
    pod: WorkloadName | None = None

    def title(self) -> str:
        where = f"{self.to} at a pod of {self.pod}" if self.pod else self.to
        return f"{self.kind} {self.method} from {self.source} to {where}"

    def request(self, ground: Ground) -> Request:
        return Request(self.source, self.to, self.method, tuple(self.headers.items()), pod=self.pod)


def controlled(verdict: Verdict, ground: Ground, control: Callable[[Ground], Iterable[str]]) -> Verdict:
    """Returns a verdict with the evidence of its control: without any a pass is inconclusive."""
    if verdict.result is not Result.PASS:
        return verdict
    try:
        evidence = [f"control: {line}" for line in control(ground)]
    except HarnessError as error:
        return replace(verdict, result=Result.INCONCLUSIVE, evidence=(*verdict.evidence, str(error)))
    return replace(verdict, evidence=(*verdict.evidence, *evidence))


def settled(
    ask: Callable[[], Answer], fits: Callable[[Answer], bool], seconds: float, pause: float = 0.5
) -> Answer:
    """Returns the first answer that fits, or after so many seconds the last one."""
    end = time.monotonic() + seconds
    while not fits(answer := ask()) and time.monotonic() < end:
        time.sleep(pause)
    return answer


def unseen_words(n: int, confidence: Confidence) -> str:
    """Returns which share can have stayed unseen in so many requests, in words."""
    share = 100 * unseen(n, confidence)
    return f"up to {share:.2g} % could be otherwise and unseen (probability {confidence.false_pass:g})"


def percentages(shares: Iterable[tuple[str, Fraction | float]]) -> str:
    """Returns classes with their shares, in words."""
    return ", ".join(f"{label} {percent(share)}" for label, share in shares)

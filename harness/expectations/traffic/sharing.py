"""`split`, `mirror`, `retry`: which share of requests arrives where, and how many of them."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from harness.api.kubernetes.service import services_of
from harness.api.kubernetes.workload import workloads
from harness.base import HarnessError, InputError, Workload
from harness.expectations.base import WARM_UP, Ground, Probing, Reference, controlled, settled
from harness.expectations.values import Strict, WorkloadName, json_value, number
from harness.expectations.verdict import NOT_PREDICTED, UNKNOWN, Call, Result, Verdict
from harness.traffic.observables import Arrived, Basis
from harness.traffic.outcomes import Outcome, Outcomes
from harness.traffic.request import Request
from harness.traffic.statistics import compare_sample, looks, normalised

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.base.settings import Confidence
    from harness.ground.ground import Provider


class Counting(Probing):
    """An expectation on how many requests arrive at the pods of workload `at` for each that is sent.

    On a cluster the proxies of these pods count; what others send there counts too.
    """

    at: WorkloadName

    @property
    def due(self) -> Fraction:
        """How many must arrive for each that is sent, on average."""
        raise NotImplementedError

    def judge(self, ground: Ground) -> Verdict:
        provider = ground.provider
        if provider.basis is Basis.PREDICTED:
            arrived = provider.count(self.request(ground), 1, self.at)
            holds: bool | None = arrived.number == self.due
        else:
            arrived, holds = self._sampled(ground)
        verdict = Verdict(
            result=Result.PASS if holds else Result.FAIL,
            basis=provider.basis,
            expected=self._words(self.due),
            seen=self._words(arrived.number / arrived.sent),
            n=None if arrived.outcomes.exact else arrived.sent,
            evidence=arrived.witnesses,
            call=Call(self.request(ground), arrived.outcomes),
        )
        if ground.shadow is not None:
            verdict = self._beside(ground.shadow, verdict, ground, arrived)
        return controlled(verdict, ground, lambda ground: self.counted(ground, arrived))

    def counted(self, ground: Ground, arrived: Arrived) -> Iterable[str]:
        """Yields evidence that a number as it must be shows something; raises HarnessError if it doesn't."""
        return ()

    def _sampled(self, ground: Ground) -> tuple[Arrived, bool | None]:
        """What a cluster's proxies count, once the number has settled: one sample, grown look by look."""
        request, provider, confidence = self.request(ground), ground.provider, ground.confidence
        settled(lambda: provider.count(request, WARM_UP, self.at), self._plausible, confidence.settle)
        sample, holds = Arrived(0, Fraction(0), Outcomes((), 0)), None
        share = self.due - floor(self.due)
        for size in looks({"more": share, "no more": 1 - share}, confidence):
            more = provider.count(request, size - sample.sent, self.at)
            sample = Arrived(
                size,
                sample.number + more.number,
                sample.outcomes + more.outcomes,
                (*sample.witnesses, *more.witnesses),
            )
            holds = fits(self.due, sample, confidence)
            if holds is not None:
                break
        return sample, holds

    def _plausible(self, batch: Arrived) -> bool:
        low, high = floor(self.due) * batch.sent, ceil(self.due) * batch.sent
        return low < batch.number <= high if low < high else batch.number == low

    def _words(self, count: Fraction) -> str:
        return f"{float(count):.4g} of each request arrive at {self.at}"

    def _beside(self, shadow: Provider, verdict: Verdict, ground: Ground, arrived: Arrived) -> Verdict:
        """The verdict with what the model says of the same requests."""
        try:
            due = shadow.count(self.request(ground), 1, self.at).number
        except HarnessError as error:
            return replace(verdict, predicted=NOT_PREDICTED + error.what)
        predicted = self._words(due)
        drift = ""
        if fits(due, arrived, ground.confidence) is False:
            drift = f"{predicted}: predicted, {float(arrived.number / arrived.sent):.4g} observed"
        return replace(verdict, predicted=predicted, drift=drift)


def fits(due: Fraction, arrived: Arrived, confidence: Confidence) -> bool | None:
    """Returns whether so many arrived as are due for each that was sent; None if that takes more of them.

    Of a number that isn't whole the part behind the point is a share of the requests, judged as shares are.
    """
    whole = floor(due)
    share, extra = due - whole, arrived.number - whole * arrived.sent
    if not share or not 0 <= extra <= arrived.sent:
        return extra == 0 and not share
    seen = {"more": extra, "no more": arrived.sent - extra}
    return compare_sample({"more": share, "no more": 1 - share}, seen, confidence).holds


def _percent(value: object) -> object:
    words = "a share: write 100%, 12.5% or 0%"
    digits, _ = number(value, " ?%", words)
    if float(digits) > 100:
        raise ValueError(f"{value!r} isn't {words}")
    return float(digits)


class Mirror(Counting):
    """A share of the requests arrives, as a copy, at workload `at`; all of them unless `share` says less.

    That none does (`share: 0%`) counts only beside a positive control: a request of its own is counted there.
    """

    kind: ClassVar[str] = "mirror"

    share: Annotated[float, BeforeValidator(_percent, json_schema_input_type=str)] = 100.0

    def title(self) -> str:
        return f"{self.share:g} % mirrored to {self.at}, {self.method} from {self.source} to {self.to}"

    @property
    def due(self) -> Fraction:
        return Fraction(str(self.share)) / 100

    def counted(self, ground: Ground, arrived: Arrived) -> Iterable[str]:
        if self.share:
            return
        services = services_of(self.at, ground.apps)
        if not services:
            raise InputError(
                f"no Service with an HTTP port selects {self.at}, so it can't be asked for itself"
            )
        for url in services:
            if ground.provider.count(Request(self.source, url), 1, self.at).number:
                yield f"a request to {url} is counted at {self.at}"
                return
        raise HarnessError(
            f"a request to {self.at} itself isn't counted there either",
            why=f"asked were {', '.join(services)}",
            todo="let the client reach it, so that its count can be trusted",
        )


class Retry(Counting):
    """Each request arrives `tries` times at workload `at`, the first time included.

    That nothing is retried (`tries: 1`) shows only in requests that fail.
    """

    kind: ClassVar[str] = "retry"

    tries: Annotated[int, Field(ge=1)]

    def title(self) -> str:
        return f"{self.tries} tries at {self.at}, {self.method} from {self.source} to {self.to}"

    @property
    def due(self) -> Fraction:
        return Fraction(self.tries)

    def counted(self, ground: Ground, arrived: Arrived) -> Iterable[str]:
        outcomes = [group.outcome for group in arrived.outcomes.groups]
        answers = {str(outcome) for outcome in outcomes if not _failed(outcome)}
        if self.tries == 1 and answers:
            raise HarnessError(
                "requests that succeed aren't retried anyway",
                why=f"answered {', '.join(sorted(answers))}",
                todo="ask for something that fails",
            )
        return ()


def _failed(outcome: Outcome) -> bool:
    return outcome.failure is not None or (outcome.status or 0) >= 500 or bool(outcome.grpc_status)


class By(Strict):
    """What in an answer tells its share: a header's value, or a value in its JSON body."""

    header: str | None = None
    json_: str | None = Field(default=None, alias="json")

    def faults(self) -> Iterator[str]:
        if (self.header is None) is (self.json_ is None):
            yield "by says one of header and json"


def _positive(weights: dict[str, float]) -> dict[str, float]:
    normalised(weights)
    return weights


class Split(Probing):
    """Requests are shared by `weights`.

    The weights' keys are workloads (`name`, or `namespace/name` where the name alone isn't
    unique), HTTP statuses, or values of what `by` names. What has no weight must get nothing.
    """

    kind: ClassVar[str] = "split"

    weights: Annotated[dict[str, int | float], Field(min_length=1), AfterValidator(_positive)]
    by: By | Literal["workload", "status"] = "workload"

    def faults(self) -> Iterator[str]:
        for key in self.weights if self.by == "workload" else ():
            try:
                Workload.parse(key) if "/" in key else Workload("", key)
            except ValueError as error:
                yield f"weights: {error}"

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        if self.by == "workload":
            for key in self.weights:
                workload = Workload.parse(key) if "/" in key else Workload("", key)
                yield Reference(("weights", key), workload=workload)

    def expected(self, ground: Ground) -> Mapping[str, Fraction]:
        shares = normalised(self.weights)
        if self.by != "workload":
            return shares
        by_name = {workload.name: str(workload) for workload in workloads(ground.apps)}
        return {by_name.get(key, key): share for key, share in shares.items()}

    def class_of(self, outcome: Outcome) -> str:
        if outcome.failure is None and self.by == "status":
            return str(outcome.status)
        if outcome.failure is not None or (outcome.status or 0) >= 400 or outcome.grpc_status:
            return str(outcome)
        if not isinstance(self.by, By):
            return str(outcome.backend) if outcome.backend else UNKNOWN
        if self.by.header:
            return outcome.header(self.by.header) or f"no header {self.by.header}"
        return json_value(outcome.body, self.by.json_ or "")

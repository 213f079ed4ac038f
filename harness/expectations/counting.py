"""What expectations have in common that count requests at a server."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from math import ceil, floor
from typing import TYPE_CHECKING

import tenacity

from harness.base.errors import HarnessError
from harness.expectations.base import WARM_UP, Ground, Probing, Reference, WorkloadName, controlled
from harness.expectations.verdict import NOT_PREDICTED, Result, Verdict
from harness.traffic.observables import Arrived, Basis
from harness.traffic.outcomes import Outcomes
from harness.traffic.statistics import compare_sample, looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        yield Reference(("at",), workload=self.at)

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
            expected=self._told(self.due),
            seen=self._told(arrived.number / arrived.sent),
            n=None if arrived.outcomes.exact else arrived.sent,
            evidence=arrived.witnesses,
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
        settle = tenacity.Retrying(
            stop=tenacity.stop_after_delay(confidence.settle),
            wait=tenacity.wait_fixed(0.5),
            retry=tenacity.retry_if_result(lambda batch: not self._plausible(batch)),
            retry_error_callback=lambda _: None,  # not settled: the sample will say so
        )
        settle(provider.count, request, WARM_UP, self.at)
        sample, holds = Arrived(0, Fraction(0), Outcomes((), 0)), None
        for size in looks(confidence):
            more = provider.count(request, size - sample.sent, self.at)
            outcomes, number = sample.outcomes + more.outcomes, sample.number + more.number
            sample = Arrived(size, number, outcomes, (*sample.witnesses, *more.witnesses))
            holds = fits(self.due, sample, confidence)
            if holds is not None:
                break
        return sample, holds

    def _plausible(self, batch: Arrived) -> bool:
        low, high = floor(self.due) * batch.sent, ceil(self.due) * batch.sent
        return low < batch.number <= high if low < high else batch.number == low

    def _told(self, number: Fraction) -> str:
        return f"{float(number):.4g} of each request arrive at {self.at}"

    def _beside(self, shadow: Provider, verdict: Verdict, ground: Ground, arrived: Arrived) -> Verdict:
        """The verdict with what the model says of the same requests."""
        try:
            number = shadow.count(self.request(ground), 1, self.at).number
        except HarnessError as error:
            return replace(verdict, predicted=NOT_PREDICTED + error.what)
        predicted = self._told(number)
        drift = ""
        if fits(number, arrived, ground.confidence) is False:
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

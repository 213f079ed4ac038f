"""`available`: requests keep being answered while a stage changes into the next one."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import BeforeValidator

from harness.base import HarnessError
from harness.expectations.base import Sending, percentages, unseen_words
from harness.expectations.values import Seconds, number
from harness.expectations.verdict import NOT_PREDICTED, Call, Explanation, Result, Verdict
from harness.traffic.between import bounds
from harness.traffic.load import Forecast, Load
from harness.traffic.sequential import at_least
from harness.traffic.statistics import Share, interval
from harness.traffic.timeline import failure_lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.expectations.base import Ground
    from harness.traffic.load import Moment
    from harness.traffic.outcomes import Outcome
    from harness.traffic.timeline import Failed, Timeline

MOST_RATE = 50.0
"""Requests a second, since each is a curl of its own in the client's pod."""

PATIENCE = 10.0
"""Seconds after which a request without answer is given up."""

FEWEST = 20
"""Requests without which nothing is shown."""

UNKNOWN_SHARE = 0.1
"""How many turns the client may miss."""

LINES = 10
"""Lines of a verdict about failures; the timeline has all of them."""

_TIMES = re.compile(r" after \d+ (ms|milliseconds)\b")
"""What tells equal failures apart in curl's words."""


def _rate(value: object) -> object:
    rate = float(number(value, "/s", "a rate: write 20/s")[0])
    if not 0 < rate <= MOST_RATE:
        raise ValueError(f"a rate is more than 0 and at most {MOST_RATE:g}/s")
    return rate


def _share(value: object) -> object:
    share = Fraction(number(value, " ?%", "a share: write 100% or 99.5%")[0]) / 100
    if not 0 < share <= 1:
        raise ValueError("a share is more than 0% and at most 100%")
    return share


Rate = Annotated[float, BeforeValidator(_rate, json_schema_input_type=str)]
PerCent = Annotated[Fraction, BeforeValidator(_share, json_schema_input_type=str)]


class Available(Sending):
    """This share of the requests that are sent all through a transition succeeds: below 400, in time."""

    kind: ClassVar[str] = "available"

    rate: Rate = 20.0
    success: PerCent = Fraction(1)
    within: Seconds | None = None

    def title(self) -> str:
        return f"available {self.method} from {self.source} to {self.to}"

    def load(self) -> Load:
        """Returns what is sent while the stage changes."""
        return Load(self.sent, self.rate, max(PATIENCE, 2 * (self.within or 0)))

    def wrong(self, outcome: Outcome) -> str:
        """Returns what is wrong with an answer; empty if nothing is."""
        if outcome.status is None or outcome.status >= 400 or outcome.grpc_status:
            by = outcome.header("l5d-proxy-error") or outcome.header("server")
            what = _TIMES.sub("", str(outcome))
            return f"{what} ({by})" if by else what
        if self.within is not None and outcome.seconds > self.within:
            return f"answered after more than {self.within:g} s"
        return ""

    def judge(self, ground: Ground) -> Verdict:
        """Judges what was seen, or predicted, in the transition to this stage."""
        course, predicted = ground.course, ground.shadow_course
        if course is None:
            raise HarnessError("nothing was sent while the stage changed")
        if isinstance(course, Forecast):
            return self._of_forecast(course, ground)
        verdict = self._of_timeline(course.fair(self.wrong), ground)
        if not isinstance(predicted, Forecast):
            return verdict
        if predicted.undecided:
            return replace(verdict, predicted=NOT_PREDICTED + predicted.undecided)
        foreseen = self._of_forecast(predicted, ground)
        return replace(
            verdict,
            predicted=foreseen.seen,
            explanations=foreseen.explanations,
            moments=foreseen.moments,
        )

    # -- on the model

    def _of_forecast(self, forecast: Forecast, ground: Ground) -> Verdict:
        may_fail = [moment for moment in forecast.moments if self._failing(moment)[1] > 1 - self.success]
        bad = [moment for moment in may_fail if self._failing(moment)[0] > 1 - self.success]
        outside = any(g.outcome.external for moment in forecast.moments for g in moment.outcomes.groups)
        enough = "all" if self.success == 1 else "enough"
        states = f"{enough} succeed in each of {len(forecast.moments)} states on the way"
        shown = bad or may_fail
        causes = [f"{moment.when}: {percentages(self._classes(moment).items())}" for moment in shown]
        undecided = outside or (may_fail and not bad)
        return Verdict(
            result=Result.INCONCLUSIVE if undecided else Result.FAIL if bad else Result.PASS,
            basis=ground.provider.basis,
            expected=self._expected(),
            seen=causes[0] if causes else states,
            evidence=tuple(f"also {line}" for line in causes[1 : LINES + 1]),
            explanations=tuple(
                Explanation(f"{what} {moment.when}", (*moment.trace, *group.trace))
                for moment in shown[:1]
                for group in moment.outcomes.groups
                if (what := self.wrong(group.outcome))
            ),
            moments=tuple(map(self._succeeding, forecast.moments)),
            call=Call(self.sent, forecast.moments[-1].outcomes) if forecast.moments else None,
        )

    def _failing(self, moment: Moment) -> tuple[Fraction, Fraction]:
        """The least and the most that fails: other requests may move the share."""
        weights = moment.outcomes.classes(lambda outcome: "wrong" if self.wrong(outcome) else "")
        return bounds(weights.get("wrong", Fraction(0)))

    def _succeeding(self, moment: Moment) -> Share:
        most, least = (float(1 - bound) for bound in self._failing(moment))
        bounded = (least, most) if least < most else None
        return Share(moment.when, float(self.success), least, interval=bounded)

    def _classes(self, moment: Moment) -> Mapping[str, Fraction]:
        return moment.outcomes.classes(lambda outcome: self.wrong(outcome) or "succeeds")

    # -- on a cluster

    def _of_timeline(self, timeline: Timeline, ground: Ground) -> Verdict:
        failed, n = timeline.failed(self.wrong), len(timeline.known)
        good = n - len(failed)
        short = self._shortcomings(timeline)
        enough = Fraction(len(failed), n) <= 1 - self.success if n else False
        proven = n and at_least(len(failed), n, float(1 - self.success)) < ground.confidence.false_fail
        passed = Result.PASS if enough and not short else Result.INCONCLUSIVE
        if not (proven or enough or short):
            short = [f"{n} requests don't tell this share from the expected one: raise the rate"]
        return Verdict(
            result=Result.FAIL if proven else passed,
            basis=ground.provider.basis,
            expected=self._expected(),
            seen=_seen(failed, n, timeline),
            n=n,
            shares=(Share("succeeds", float(self.success), good / n, good, interval(good, n)),) if n else (),
            evidence=(
                *(f"failed at {line}" for line in failure_lines(failed, LINES)),
                *(f"undecided: {line}" for line in short),
                *((unseen_words(n, ground.confidence),) if n and not failed else ()),
                *(
                    f"not known of {gap.turns} turns, {gap.start:.2f} s to {gap.end:.2f} s: {gap.why}"
                    for gap in timeline.gaps()
                ),
            ),
            timeline=timeline.as_json(self.wrong),
        )

    def _shortcomings(self, timeline: Timeline) -> list[str]:
        """Why what was seen shows nothing, though nothing may have failed."""
        turns, known = len(timeline.shots), len(timeline.known)
        reasons = []
        if known < FEWEST:
            reasons.append(f"{known} requests are too few to tell, {FEWEST} the fewest: raise the rate")
        if turns - known > UNKNOWN_SHARE * turns:
            reasons.append(
                f"the client missed {turns - known} of {turns} turns: choose one that isn't restarted, or a "
                "lower rate"
            )
        return reasons

    def _expected(self) -> str:
        bound = f" within {self.within:g} s" if self.within is not None else ""
        return f"{float(100 * self.success):.4g} % succeed{bound}, at {self.rate:g}/s"


def _seen(failed: tuple[Failed, ...], n: int, timeline: Timeline) -> str:
    if not n:
        return "no request was sent"
    kinds = Counter(failure.what for failure in failed)
    what = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common(3))
    if len(kinds) > 3:
        what += ", …"
    slowest = max(shot.outcome.seconds for shot in timeline.known if shot.outcome)
    times = f"in {timeline.seconds:.0f} s, the slowest after {slowest:.2f} s"
    return f"{n - len(failed)} of {n} succeed{f' ({what})' if failed else ''} {times}"

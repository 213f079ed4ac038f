"""What happened while a stage changed: steps, pods, and what became of the requests meanwhile."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.traffic.load import AFTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from harness.traffic.load import Load, Shot
    from harness.traffic.outcomes import Outcome

LATE = 1.0
"""Seconds after its turn from which on a request's failure may be that of what held it up at its client."""

AROUND = 1.0
"""Seconds before and after a request in which what happens to a pod may have to do with it."""


class Phase(StrEnum):
    """Where a pod stands in its life."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"
    GONE = "gone"


@dataclass(frozen=True)
class TransitionStep:
    """A step under way; times are seconds since the load began."""

    doing: str
    start: float
    end: float


@dataclass(frozen=True)
class PodChange:
    """A pod, `namespace/name`, enters a phase, `at` seconds after the load began."""

    at: float
    pod: str
    phase: Phase


@dataclass(frozen=True)
class Gap:
    """Seconds in which nothing is known of some requests, of how many, and why."""

    start: float
    end: float
    turns: int
    why: str


@dataclass(frozen=True)
class Failed:
    """A failed request: what was wrong with its answer, and what went on meanwhile."""

    shot: Shot
    what: str
    step: str
    pods: tuple[str, ...]


@dataclass(frozen=True)
class Timeline:
    """A load on a cluster from its beginning (`began`, UTC) to its end; shots are in the order of turns.

    Of pods there is what changed: those of which nothing is told were ready all the time. Steps follow each
    other without a gap; two of them may have the same name.
    """

    load: Load
    began: str
    steps: tuple[TransitionStep, ...]
    changes: tuple[PodChange, ...]
    shots: tuple[Shot, ...]

    @cached_property
    def known(self) -> tuple[Shot, ...]:
        """The requests of which is known what became of them."""
        return tuple(shot for shot in self.shots if shot.outcome is not None)

    @cached_property
    def seconds(self) -> float:
        """How long it took."""
        return self.steps[-1].end if self.steps else 0.0

    def fair(self, wrong: Callable[[Outcome], str]) -> Timeline:
        """Returns it without failures of requests that started late: a busy client may have caused both."""
        why = f"it failed, and had started more than {LATE:g} s late"
        shots = (
            replace(shot, outcome=None, unknown=why)
            if shot.outcome and shot.late > LATE and wrong(shot.outcome)
            else shot
            for shot in self.shots
        )
        return replace(self, shots=tuple(shots))

    def failed(self, wrong: Callable[[Outcome], str]) -> tuple[Failed, ...]:
        """Returns the requests whose outcome is wrong in some way (empty: it isn't)."""
        return tuple(
            Failed(shot, what, self.step_at(shot.at), self.astir(shot.at, shot.end))
            for shot in self.known
            if shot.outcome and (what := wrong(shot.outcome))
        )

    def step_at(self, at: float) -> str:
        return next((step.doing for step in self.steps if step.start <= at < step.end), AFTER)

    def astir(self, start: float, end: float) -> tuple[str, ...]:
        """Returns the pods that were starting or stopping about then, as `namespace/name phase`."""
        unsteady = (
            f"{pod} {phase}"
            for pod, phase, since, until in self._unsteady
            if since <= end + AROUND and until >= start - AROUND
        )
        return tuple(dict.fromkeys(unsteady))

    def gaps(self) -> tuple[Gap, ...]:
        """Returns the seconds that nothing is known of, each reason once."""
        unknown: dict[str, list[Shot]] = {}
        for shot in self.shots:
            if shot.unknown:
                unknown.setdefault(shot.unknown, []).append(shot)
        beat = 1 / self.load.rate
        return tuple(Gap(shots[0].at, shots[-1].at + beat, len(shots), why) for why, shots in unknown.items())

    @cached_property
    def _unsteady(self) -> tuple[tuple[str, Phase, float, float], ...]:
        """Pods that start or stop: from when to when."""
        spans, since = [], dict[str, PodChange]()
        for change in self.changes:
            before = since.get(change.pod)
            if before and before.phase in (Phase.STARTING, Phase.STOPPING):
                spans.append((change.pod, before.phase, before.at, change.at))
            since[change.pod] = change
        spans += [
            (last.pod, last.phase, last.at, math.inf)
            for last in since.values()
            if last.phase in (Phase.STARTING, Phase.STOPPING)
        ]
        return tuple(spans)

    def as_json(self, wrong: Callable[[Outcome], str]) -> dict[str, Any]:
        """Returns all of it as plain data: requests by the second, those that failed one by one."""
        failed = self.failed(wrong)
        bad = {id(failure.shot) for failure in failed}
        return {
            "load": str(self.load),
            "began": self.began,
            "seconds": round(self.seconds, 3),
            "steps": [
                {**_rounded(vars(step)), "requests": self._counted(self._turns(step), bad)}
                for step in self.steps
            ],
            "pods": [_rounded(vars(change)) for change in self.changes],
            "by_second": [
                {"second": second, **self._counted(list(group), bad)}
                for second, group in groupby(self.shots, key=lambda shot: int(shot.at))
            ],
            "gaps": [_rounded(vars(gap)) for gap in self.gaps()],
            "failed": [
                {
                    "at": round(failure.shot.at, 3),
                    "end": round(failure.shot.end, 3),
                    "what": failure.what,
                    "step": failure.step,
                    "client": failure.shot.client,
                    "pods": list(failure.pods),
                }
                for failure in failed
            ],
        }

    def _turns(self, step: TransitionStep) -> list[Shot]:
        return [shot for shot in self.shots if step.start <= shot.at < step.end]

    @staticmethod
    def _counted(shots: list[Shot], failed: set[int]) -> dict[str, Any]:
        """How many turns there were, and what became of them; `slowest` and `latest` in seconds."""
        answered = [shot.outcome.seconds for shot in shots if shot.outcome]
        return {
            "turns": len(shots),
            "failed": sum(id(shot) in failed for shot in shots),
            "unknown": len(shots) - len(answered),
            "slowest": round(max(answered, default=0.0), 3),
            "latest": round(max((shot.late for shot in shots), default=0.0), 3),
        }


def failure_lines(failed: tuple[Failed, ...], limit: int) -> Iterator[str]:
    """Yields lines about failures, those together that come after each other in one step, with its pods.

    After `limit` lines it says how many more there are.
    """
    groups = [list(group) for _, group in groupby(failed, key=lambda failure: (failure.step, failure.pods))]
    for group in groups[:limit]:
        first, last = group[0].shot.at, group[-1].shot.at
        when = f"{first:.2f} s" if len(group) == 1 else f"{first:.2f} s to {last:.2f} s"
        kinds = Counter(failure.what for failure in group)
        what = ", ".join(f"{count} × {kind}" for kind, count in kinds.most_common())
        pods = "; ".join(group[0].pods) or "no pod starts or stops"
        yield f"{when}, {_during(group[0].step)}: {what} ({pods})"
    left = sum(map(len, groups[limit:]))
    if left:
        yield f"and {left} more, up to {failed[-1].shot.at:.2f} s"


def _during(step: str) -> str:
    return step if step.startswith(("before ", "after ")) else f"during `{step}`"


def _rounded(data: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 3) if isinstance(value, float) else value for key, value in data.items()}

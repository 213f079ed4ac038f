"""What becomes of a request in each stage: what decided there, and what changes from one to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.analysis.explore.answers import compared, unlike
from harness.base.errors import HarnessError
from harness.base.resources import per_object
from harness.expectations.policy import denied
from harness.suggest.question import Origin
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from harness.base.resources import Resource
    from harness.suggest.stages import Reached
    from harness.suggest.targets import Target
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.traffic.trace import Arrivals, Step

_EACH = 20
"""The steps of a trace that take as long as the rest of a decision."""

_RULE = re.compile(r"spec\.(?:http|rules|tls|tcp|jwtRules)\[\d+\](?:\.match(?:es)?\[\d+\])?")
_CHOSEN = (Action.MATCHED, Action.SHARED, Action.LEFT_OPEN, Action.REDIRECTED, Action.ANSWERED)

POLICIES = frozenset(("security.istio.io", "policy.linkerd.io", "networking.k8s.io"))
"""The API groups that say who is let in."""


@dataclass(frozen=True)
class Decider:
    """A part of the configuration that decides on requests, and how."""

    origin: Origin
    action: Action
    at_gateway: bool = False
    refusing: bool = False
    """Whether it is a policy, and the request is refused: both sides of it are to be shown."""

    @property
    def of_policy(self) -> bool:
        """Whether it says who is let in."""
        return self.origin.resource.group in POLICIES


@dataclass(frozen=True)
class Change:
    """How one stage's answer differs from that of the stage before: which parts, and both in words."""

    stage: int
    parts: tuple[str, ...]
    was: str
    now: str
    answered: bool = True
    """Whether an application answers, before or after."""

    def __str__(self) -> str:
        words = f"{self.was} becomes {self.now}" if self.was != self.now else self.was
        return f"{words} ({', '.join(self.parts)})"


@dataclass(frozen=True)
class Answered:
    """A request, and what comes back and arrives in each stage; or why the model can't say."""

    target: Target
    request: Request
    outcomes: tuple[Outcomes | None, ...]
    arrived: tuple[Arrivals | None, ...]
    problems: tuple[str, ...]
    signed: bool = False
    """Whether it has a token that is only stated to be signed."""

    @property
    def cost(self) -> int:
        """How much work it was to decide, in steps: those of traces, and what objects of that size take."""
        steps = [step for every in self.outcomes if every for group in every.groups for step in group.trace]
        objects = {step.resource.key: step.resource for step in steps if step.resource}
        return len(steps) + len(self.outcomes) * (_EACH + sum(map(size, objects.values())))

    @property
    def denied(self) -> bool:
        """Whether a mesh refuses it in the first stage, in part at least."""
        first = self.outcomes[0]
        return first is not None and any(denied(group.outcome) for group in first.groups)

    @property
    def changes(self) -> tuple[Change, ...]:
        """What differs from stage to stage."""
        pairs = enumerate(pairwise(self.outcomes), 1)
        found = (self._change(stage, *pair) for stage, pair in pairs)
        return tuple(change for change in found if change)

    def _change(self, stage: int, before: Outcomes | None, after: Outcomes | None) -> Change | None:
        if before is None or after is None:
            return None
        was = replace(compared(before), arrivals=self.arrived[stage - 1])
        now = replace(compared(after), arrivals=self.arrived[stage])
        parts = unlike(was, now)
        answers = [answer for each in (was, now) for answer, _ in each.shares]
        answering = any(answer.backend or answer.external for answer in answers)
        return Change(stage, parts, was.described(parts), now.described(parts), answering) if parts else None

    def deciders(self, known: Collection[tuple[str, ...]]) -> Iterator[tuple[Decider, Step]]:
        """Yields what decided of objects with these keys; of a denial, what of a policy wasn't met, too."""
        for every in filter(None, self.outcomes):
            for group in every.groups:
                refused = denied(group.outcome)
                for step in group.trace:
                    unmet = step.action is Action.UNMATCHED and refused
                    if step.resource is None or step.depth or step.resource.key not in known:
                        continue
                    origin = Origin(step.resource, _field(step))
                    of_policy = step.resource.group in POLICIES
                    decider = Decider(origin, step.action, self.target.gateway, refused and of_policy)
                    if (unmet and of_policy) or not step.passed_over:
                        yield decider, step


@per_object
def size(resource: Resource) -> int:
    """Returns how large an object is, in hundreds of characters: about so many conditions are asked."""
    return len(str(resource.data)) // 100


def _field(step: Step) -> str:
    """The rule that was chosen, or the field that did something."""
    rule = _RULE.match(step.field) if step.action in _CHOSEN else None
    return rule.group() if rule else step.field


def ask(stages: Sequence[Reached], target: Target, request: Request, *, signed: bool = False) -> Answered:
    """Returns what becomes of a request in each stage."""
    outcomes: list[Outcomes | None] = []
    arrived: list[Arrivals | None] = []
    problems: list[str] = []
    for stage in stages:
        try:
            here = stage.provider.answer(request)
        except HarnessError as error:
            outcomes.append(None)
            arrived.append(None)
            problems.append(error.brief)
        else:
            outcomes.append(here[0])
            arrived.append(here[1])
    return Answered(target, request, tuple(outcomes), tuple(arrived), tuple(dict.fromkeys(problems)), signed)

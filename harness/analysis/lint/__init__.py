"""Known traps in a mesh's configuration, found without any request.

`lint(state)` asks every rule in turn. A rule is an entry of rules.yaml (its id, severity and words) and a
function of a `State` in `rules/` that is named after it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.analysis.lint import baseline as baselines
from harness.analysis.lint.rule import CHECKS, RULES, Rule, Severity
from harness.analysis.lint.rules import omission
from harness.analysis.lint.settings import Settings, among
from harness.analysis.lint.trap import Trap
from harness.api import marks
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.base.errors import HarnessError
from harness.base.vocabulary import PLATFORM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.analysis.lint.rule import Sign
    from harness.model import State
    from harness.model.state import Undecided

__all__ = ["RULES", "Report", "Rule", "Settings", "Severity", "Trap", "lint"]


@dataclass(frozen=True)
class Report:
    """The traps by file and line, and what nobody can tell of this configuration.

    `missing` counts references to kinds of which there is no object at all, so that none can be said to be
    missing; `stopped` has what kept a rule from being asked to its end; `gone` counts the traps that the
    baseline knows and that aren't there any more.
    """

    traps: tuple[Trap, ...] = ()
    missing: Mapping[str, int] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)
    gone: int = 0

    @property
    def new(self) -> tuple[Trap, ...]:
        """The traps that no baseline knows."""
        return tuple(trap for trap in self.traps if not trap.baselined)

    def fails(self, settings: Settings) -> bool:
        """Returns whether there is a new trap of the severity that these settings name, or a worse one."""
        return any(settings.fails(trap.severity) for trap in self.new)


def lint(
    state: State,
    omissions: Iterable[Undecided] = (),
    settings: Settings | None = None,
    baseline: baselines.Baseline | None = None,
) -> Report:
    """Returns the traps in a cluster's configuration, and in what a lenient model left out of it."""
    settings = settings or Settings()
    traps: list[Trap] = []
    missing: Counter[str] = Counter()
    stopped: dict[str, str] = {}
    for name, sign in (*omission.signs(omissions), *_signs(state, settings, stopped)):
        rule = RULES[name]
        if not settings.asks(rule):
            continue
        if sign.needs is not None and not state.all(*sign.needs):
            missing[sign.needs[1]] += 1
            continue
        trap = Trap.of(rule, settings.severity(rule, sign.case), sign)
        if not (settings.ignores(rule, trap.where) or _is_suppressed(trap)):
            traps.append(trap)
    traps.sort(key=lambda trap: (trap.where.source, trap.where.line, trap.rule.id))
    marked, gone = baselines.recognized(traps, baseline or baselines.Baseline())
    return Report(marked, missing, stopped, gone)


def _is_suppressed(trap: Trap) -> bool:
    """Whether the object says that it isn't to be told: `istioctl analyze` reads the same annotation."""
    names = annotations_of(trap.resource).get(_SUPPRESS, "").split(",")
    return among(trap.rule, [name.strip() for name in names])


def _signs(state: State, settings: Settings, stopped: dict[str, str]) -> Iterator[tuple[str, Sign]]:
    """What the rules see, with their ids; `stopped` gets why one can't go on: the model can't decide."""
    for name, check in CHECKS.items():
        if not settings.asks(RULES[name]):
            continue
        try:
            for sign in check(state):
                if RULES[name].placement and not _placed(state):
                    stopped[name] = _UNPLACED
                    break
                yield name, sign
        except HarnessError as error:
            stopped[name] = error.brief


_SUPPRESS = "galley.istio.io/analyze-suppress"
_UNPLACED = "nothing says which mesh holds a workload (a label or annotation, or --mesh NAMESPACE=MESH)"


def _placed(state: State) -> bool:
    """Whether anything says which workloads have proxies: a pod that has one, or a namespace's marks.

    Gateways and meshes' own pods have theirs in any case, and a pod that declines says nothing of others.
    """
    namespaces = (each for each in state.all("", "Namespace") if each.name not in PLATFORM)
    pods = (pod for pod in state.pods if not (pod.gateway or pod.namespace in PLATFORM))
    return any(pod.mesh for pod in pods) or any(
        any(marks.addressed(labels_of(namespace), annotations_of(namespace))) for namespace in namespaces
    )

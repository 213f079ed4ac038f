"""What is sent while one suggested stage changes into the next: what is answered all the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.base.errors import HarnessError
from harness.expectations import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.model import State
    from harness.scenario import Scenario
    from harness.scenario.models import Check, Stage
    from harness.suggest.question import Entry

MOST = 3
"""Loads that a scenario is given: each is a process on a cluster, all through each transition."""

_WORK, _DECISIONS = 100_000, 10
"""The work that may go into trying loads, and about how often each is decided on in a stage."""

_STATES = 400_000
"""Objects of all states together that loads are tried in: each step leads to a state of its own."""

_KINDS = ("allow", "response", "split")
_PARTS = ("from", "to", "headers")


def candidates(entries: Iterable[Entry], work: int) -> list[dict[str, Any]]:
    """Returns expectations on transitions, as written, for the first requests that are answered.

    `work` is what it takes to decide on one request in all stages: the more it is, the fewer are tried.
    """
    answered = [
        {part: entry.fields[part] for part in _PARTS if part in entry.fields}
        for entry in entries
        if entry.kind in _KINDS
        and str(entry.fields["to"]).startswith("http://")
        and entry.fields.get("method", "GET") == "GET"
        and entry.fields.get("status", 200) < 400
    ]
    unique = dict[tuple[str, str], dict[str, Any]]()
    for request in answered:
        unique.setdefault((request["from"], request["to"]), request)
    first = list(unique.values())[: min(MOST, _WORK // (_DECISIONS * work or 1))]
    return [{"available": {**request, "rate": "10/s", "success": "100%"}} for request in first]


def too_large(scenario: Scenario, state: State) -> str:
    """Returns why no load is tried in a scenario whose first stage leads to a state, empty if some are."""
    steps = sum(len(stage.steps) for stage in scenario.stages[1:])
    if steps * len(state.objects) <= _STATES:
        return ""
    return f"nothing was tried, for the estate's size: {steps} steps, of {len(state.objects)} objects each"


def confirmed(scenario: Scenario, written: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Returns those of the candidates that pass in each transition of the scenario that has them all.

    And of the others where they fail, and how.
    """
    runner = Runner(scenario, ModelProvider())
    # Stage by stage: whoever goes back to an earlier one has the runner begin anew.
    problems = [[_problem(runner, stage, check) for check in stage.checks] for stage in scenario.stages[1:]]
    first = [next(filter(None, each), "") for each in zip(*problems, strict=True)]
    kept = [candidate for candidate, problem in zip(written, first, strict=True) if not problem]
    return kept, [problem for problem in first if problem]


def _problem(runner: Runner, stage: Stage, check: Check) -> str:
    """Where and how an expectation on the transition to a stage fails, empty if it passes."""
    try:
        verdict = runner.judge(stage, check)
        seen = "" if verdict.result is Result.PASS else verdict.seen
    except HarnessError as error:
        seen = error.what
    return seen and f"{check.name.removeprefix('during: ')}, to stage {stage.name!r}: {seen}"

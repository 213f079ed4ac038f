"""What is wrong with scenario files, as SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from harness.base.places import Position
from harness.report.sarif.log import Level, Result, Rule, log

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.base import HarnessError
    from harness.model.state import Undecided

INVALID = Rule("scenario-invalid", Level.ERROR, "The scenario, or what it names, can't be used as it is")
_NOT_REACHED = Rule("stage-not-reached", Level.ERROR, "The model doesn't reach a stage of the scenario")
_NOT_DECIDED = Rule("not-decided", Level.WARNING, "The model decides without this, so it can't be sure")
_NOTE = Rule("note", Level.NOTE, "What there is to know about the files that the scenario names")


class Stop(NamedTuple):
    """Why the model goes no further; it is no fault if only a cluster can go on."""

    error: HarnessError
    is_fault: bool


def result(rule: Rule, text: str, where: Position, name: str = "") -> Result:
    """Returns what was found of a rule at a place."""
    return Result(rule, rule.level, text, f"{where.source} {text}", name, where)


def of_scenario(
    file: Path, notes: Iterable[str], undecided: Iterable[Undecided], stop: Stop | None
) -> list[Result]:
    """Returns what is said of a scenario that can be used; what has no line of its own is at its first."""
    begin = Position(str(file), 1, 1)
    results = [result(_NOTE, note, begin) for note in notes]
    for each in undecided:
        name, where = f"{each.resource} {each.field}".strip(), each.place.position
        text = f"{name}: not decided: {each.why}" + (f". Do: {each.todo}" if each.todo else "")
        results.append(result(_NOT_DECIDED, text, where if where.line else begin, name))
    if stop:
        where = stop.error.position
        made = result(_NOT_REACHED, f"on the model {stop.error}", where if where.line else begin)
        results.append(made if stop.is_fault else made.weighed(Level.WARNING))
    return results


def data(results: Iterable[Result]) -> dict[str, Any]:
    """Returns a log with these results."""
    return log("check", results)

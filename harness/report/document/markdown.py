"""A document as Markdown: a comment of a review, a summary of a job."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from harness.base.display import line
from harness.report.document.models import Judgement
from harness.report.document.summary import SIGNS, headline

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.report.document.models import Document, Expectation, Scenario, Verdict

_SHOWN = 20
"""Verdicts of a scenario that are told with what was expected and seen, at most."""


def markdown(document: Document) -> str:
    """Returns the headline, a table for each scenario, and what didn't pass: expected and seen."""
    return "\n".join(_lines(document)) + "\n"


def _lines(document: Document) -> Iterator[str]:
    yield f"**{_text(headline(document))}**"
    yield ""
    for problem in document.problems:
        yield f"- {_text(problem.where)}: {_text(problem.what)}"
    if document.not_run:
        yield f"- {len(document.not_run)} expectations were collected and not judged"
    for scenario in document.scenarios:
        yield from ("", *_scenario(scenario, document.runs[scenario.run].provider))


def _scenario(scenario: Scenario, provider: str) -> Iterator[str]:
    yield f"### {_text(scenario.name)}"
    yield ""
    yield f"{_text(scenario.file)}, on {_text(provider)}"
    yield ""
    yield f"| expectation | {' | '.join(_text(stage.name) for stage in scenario.stages)} |"
    yield f"|---|{'---|' * len(scenario.stages)}"
    for row in scenario.expectations:
        by_stage = {verdict.stage: verdict for verdict in row.verdicts}
        cells = (by_stage.get(index) for index in range(len(scenario.stages)))
        yield f"| {_text(row.name)} | {' | '.join(_sign(verdict) for verdict in cells)} |"
    wrong = [(row, each) for row in scenario.expectations for each in row.verdicts if _is_told(each)]
    if wrong:
        yield ""
    for row, verdict in wrong[:_SHOWN]:
        yield _told(scenario, row, verdict)
    if len(wrong) > _SHOWN:
        yield f"- and {len(wrong) - _SHOWN} more"
    for note in scenario.notes:
        yield f"- {_text(note)}"


def _is_told(verdict: Verdict) -> bool:
    return verdict.result in (Judgement.FAIL, Judgement.INCONCLUSIVE)


def _told(scenario: Scenario, row: Expectation, verdict: Verdict) -> str:
    stage = scenario.stages[verdict.stage].name
    words = f"- {SIGNS[verdict.result]} {_text(row.name)}, in {_text(stage)}: {_text(verdict.seen)}"
    return words + (f" (expected: {_text(verdict.expected)})" if verdict.expected else "")


def _sign(verdict: Verdict | None) -> str:
    return f"{SIGNS[verdict.result]} {verdict.result.value}" if verdict else ""


def _text(words: str) -> str:
    """Words of others, in one line, which Markdown and HTML take for nothing but words."""
    escaped = html.escape(line(words), quote=False)
    return "".join(f"\\{each}" if each in "\\`*_[]|~#!" else each for each in escaped)

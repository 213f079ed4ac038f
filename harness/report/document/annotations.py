"""What a document says of lines of files, as GitHub's workflow commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.display import shown
from harness.report.document.models import Judgement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.report.document.models import Document

_LEVELS = {Judgement.FAIL: "error", Judgement.INCONCLUSIVE: "error", Judgement.SKIP: "notice"}


def commands(document: Document) -> Iterator[str]:
    """Yields a command for each verdict that is no pass, at the line of its expectation.

    [GitHub: Workflow commands for GitHub Actions]
    """
    for problem in document.problems:
        yield f"::error title={_property('not run')}::{_data(f'{problem.where}: {problem.what}')}"
    for scenario in document.scenarios:
        for row in scenario.expectations:
            for verdict in row.verdicts:
                if verdict.result not in _LEVELS:
                    continue
                file, number, _ = verdict.where.rsplit(":", 2)
                title = f"{row.name} ({scenario.stages[verdict.stage].name})"
                expected = f", expected: {verdict.expected}" if verdict.expected else ""
                at = f"file={_property(file)},line={_property(number)},title={_property(title)}"
                yield f"::{_LEVELS[verdict.result]} {at}::{_data(f'{verdict.seen}{expected}')}"


def _data(text: str) -> str:
    return shown(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

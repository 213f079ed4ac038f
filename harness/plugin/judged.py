"""Scenarios run by pytest from inside a command, and what it says of them."""

from __future__ import annotations

import contextlib
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest

from harness.base import HarnessError
from harness.plugin.session import PROPERTY, RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence


class Judged:
    """A plugin that keeps each stage's verdicts, as reports hold them, and the versions of what answered.

    `predicted` tells whether that was the model.
    """

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.versions: dict[str, dict[str, str]] = {}
        self.predicted = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, row in report.user_properties if report.when == "call" else ():
            if name == PROPERTY and isinstance(row, dict):
                self.rows[row["stage"]].append(row)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        stage, provider = item.parent.name if item.parent else "", item.config.stash[RUNS].provider
        self.predicted = provider.name == "model"
        if stage not in self.versions:
            with contextlib.suppress(
                HarnessError
            ):  # a cluster that doesn't answer has failed the expectation
                self.versions[stage] = dict(provider.versions())


def judged(targets: Sequence[str], options: Sequence[str]) -> Judged | None:
    """Runs scenarios by these options of pytest, whose words go to stderr.

    Returns None if pytest didn't run to its end, and has said why.
    """
    seen = Judged()
    with contextlib.redirect_stdout(sys.stderr):
        # No module of tests is here whose assertions could be rewritten.
        status = pytest.main([*targets, "-q", "--assert=plain", *options], plugins=[seen])
    return seen if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else None

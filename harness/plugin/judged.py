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
    from collections.abc import Collection, Iterable
    from pathlib import Path


class Judged:
    """A plugin that keeps verdicts, as reports hold them, and the versions of what answered, by subject.

    A stage's subject is what its name begins with, up to a comma; other stages than those of these
    subjects are left out. `predicted` tells whether it was the model that answered.
    """

    def __init__(self, subjects: Collection[str]) -> None:
        self.subjects = subjects
        self.rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.versions: dict[str, dict[str, str]] = {}
        self.predicted = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if _subject(_stage(item)) in self.subjects]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, row in report.user_properties if report.when == "call" else ():
            if name == PROPERTY and isinstance(row, dict):
                self.rows[_subject(row["stage"])].append(row)

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        subject, provider = _subject(_stage(item)), item.config.stash[RUNS].provider
        self.predicted = provider.name == "model"
        if subject not in self.versions:
            with contextlib.suppress(HarnessError):  # its expectations have failed for that
                self.versions[subject] = dict(provider.versions())


def judged(files: Iterable[Path], subjects: Collection[str], options: Iterable[str]) -> Judged | None:
    """Runs scenarios, of each the stages of these subjects, by options of pytest; its words go to stderr.

    Returns None if pytest didn't run to its end, and has said why.
    """
    seen = Judged(subjects)
    with contextlib.redirect_stdout(sys.stderr):
        # No module of tests is here whose assertions could be rewritten, and no folder to keep a cache in.
        own = ["-q", "--assert=plain", "-p", "no:cacheprovider"]
        status = pytest.main([*map(str, files), *own, *options], plugins=[seen])
    return seen if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else None


def _stage(item: pytest.Item) -> str:
    return item.parent.name if item.parent else ""


def _subject(stage: str) -> str:
    return stage.partition(",")[0]

"""Work that is shared out: the same comes of it in several processes, and where a system can't fork."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.jobs import shared_out
from tests.compare.test_comparison import TO_NEW, TO_WEB, estate, service
from tests.model.clusters import ISTIO

TASKS = Path("/proc/self/task")
"""This process's threads, on Linux."""


@pytest.mark.parametrize("methods", [["fork", "spawn"], ["spawn"]])
def test_each_part_is_done_once(monkeypatch, methods):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: methods)
    parts = shared_out(lambda number: (number, os.getpid()), 2)
    assert [number for number, _ in parts] == [0, 1]
    assert (os.getpid() in {process for _, process in parts}) is ("fork" not in methods)


@pytest.mark.skipif(not TASKS.exists(), reason="counts threads as Linux shows them")
def test_no_thread_is_started_that_a_fork_would_leave_behind():
    sides = (
        estate(ISTIO, service("{match: [{uri: {regex: '" + path + "'}}], " + TO_NEW + "}, {" + TO_WEB + "}"))
        for path in ("/a.*", "/b+")
    )
    before = set(TASKS.iterdir())
    assert compare(*sides).differences
    assert set(TASKS.iterdir()) <= before

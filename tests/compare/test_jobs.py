"""Work that is shared out: the same comes of it in several processes, and where a system can't fork safely."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

import pytest

from harness.analysis.compare import compare, jobs
from harness.analysis.compare.jobs import shared_out
from harness.base.errors import HarnessError, InputError
from tests.compare.test_comparison import TO_NEW, TO_WEB, estate, service
from tests.model.clusters import ISTIO

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system can't fork"
)


@pytest.fixture
def alone(monkeypatch):
    """As in the command: no thread runs beside (pytest-xdist's workers have one)."""
    monkeypatch.setattr(threading, "active_count", lambda: 1)


def processes(count: int) -> set[int]:
    """The processes that work on so many numbers, each done by one."""
    made = shared_out(lambda number: (number, os.getpid()), count, 2)
    assert [number for number, _ in made] == list(range(count))
    return {process for _, process in made}


@pytest.mark.usefixtures("alone")
def test_several_processes_work():
    assert processes(20) - {os.getpid()}


@pytest.mark.usefixtures("alone")
def test_less_work_than_processes():
    assert processes(1) == {os.getpid()}
    assert processes(0) == set()


@pytest.mark.usefixtures("alone")
def test_one_process_works_where_a_system_cannot_fork(monkeypatch):
    monkeypatch.setattr(multiprocessing, "get_all_start_methods", lambda: ["spawn"])
    assert processes(5) == {os.getpid()}


def test_one_process_works_where_a_thread_runs_beside():
    waits = threading.Event()
    thread = threading.Thread(target=waits.wait)
    thread.start()
    assert processes(5) == {os.getpid()}
    waits.set()
    thread.join()


@pytest.mark.usefixtures("alone")
def test_a_process_that_is_ended_is_told():
    def work(number: int) -> None:
        if number != 4:  # which is done before the others are there
            os.kill(os.getpid(), signal.SIGKILL)

    with pytest.raises(HarnessError) as caught:
        shared_out(work, 5, 2)
    assert caught.value.what == "one of the processes of --jobs ended before its work was done: signal 9"
    assert caught.value.todo == "try --jobs 1"
    assert not multiprocessing.active_children()


@pytest.mark.usefixtures("alone")
def test_an_error_of_a_process_is_an_error():
    def work(number: int) -> None:
        if number != 4:
            raise InputError("no", where="estate.yaml:1", todo="mend it")

    with pytest.raises(HarnessError) as caught:
        shared_out(work, 5, 2)
    assert str(caught.value) == str(InputError("no", where="estate.yaml:1", todo="mend it"))


@pytest.mark.usefixtures("alone")
def test_the_same_differences_come_of_it(monkeypatch):
    sides = [
        estate(ISTIO, service("{match: [{uri: {regex: '" + path + "'}}], " + TO_NEW + "}, {" + TO_WEB + "}"))
        for path in ("/a.*", "/b+")
    ]
    started = []
    monkeypatch.setattr(
        jobs, "_started", lambda *args, start=jobs._started: started.append(1) or start(*args)
    )
    compared, shared = (compare(*sides, jobs=count) for count in (1, 2))
    assert list(map(str, shared.differences)) == list(map(str, compared.differences))
    assert [each.traces for each in shared.differences] == [each.traces for each in compared.differences]
    assert shared.classes == compared.classes
    assert len(started) == 2


def test_a_comparison_starts_no_thread():
    before = threading.active_count()
    assert compare(estate(ISTIO), estate(ISTIO, service("{" + TO_NEW + "}"))).differences
    assert threading.active_count() == before

"""Leases, and what is made of those whose processes are dead; processes are real, clusters are played."""

from __future__ import annotations

import signal
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.base.errors import HarnessError, MissingError, StageError
from harness.cluster.api import NAMESPACES, ApiError
from harness.cluster.objects.docker import Kind
from harness.cluster.ownership import ownership, reclaim
from harness.cluster.ownership.ownership import CONTEXT, KIND, Record
from tests.cluster.fakes import FakeClient, FakeRun

HOLDS = """
import os, sys
from harness.cluster.ownership.ownership import Record, take
take("kind", "c").write(Record("kind", "c", complete=True))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("harness.cluster.objects.docker._STRAY_CHECKS", 0)
    return tmp_path


def abandon(record: Record, *files: str) -> None:
    """Leaves a lease as a killed process does."""
    lease = ownership.take(record.provider, record.run or record.name)
    lease.write(record)
    for name in files:
        (lease.directory / name).write_text("")
    lease.release()


def kind(clusters: str = "") -> tuple[Kind, FakeRun]:
    run = FakeRun({"kind get clusters": clusters})
    return Kind(run), run


def deleted(run: FakeRun) -> list[str]:
    return [line.split()[4] for line in run.ran if line.startswith("kind delete cluster")]


def left() -> list[str]:
    return sorted(path.name for path in ownership.home().iterdir())


def test_a_lease_is_its_processs_until_that_ends():
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StageError, match=f"kind c is in use by process {process.pid}"):
            ownership.take(KIND, "c")
        assert list(ownership.abandoned()) == []
        assert [record.pid for record in ownership.held()] == [process.pid]
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    [lease] = ownership.abandoned()
    assert lease.record == replace(
        Record(KIND, "c", complete=True), pid=process.pid, since=lease.record.since
    )
    lease.release()
    assert ownership.held() == ()


def test_a_lease_is_private():
    lease = ownership.take(KIND, "c")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (lease.directory.parent, lease.directory)] == [
        0o700
    ] * 2
    lease.remove()
    assert left() == []


def test_no_place_for_state_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(MissingError, match="no place for its state"):
        ownership.take(KIND, "c")


CASES = [
    # name, what was left, clusters there are, those deleted by the next run, by clean --kept, does it stay
    ("half made", Record(KIND, "c"), "c\nother\n", ["c"], ["c"], False),
    ("half made, to be kept", Record(KIND, "c", lasting=True), "c\n", ["c"], ["c"], False),
    ("made", Record(KIND, "c", complete=True), "c\n", ["c"], ["c"], False),
    ("made, no node yet", Record(KIND, "c"), "", ["c"], ["c"], False),
    ("kept", Record(KIND, "c", lasting=True, complete=True), "c\n", [], ["c"], True),
    ("kept, but deleted by hand", Record(KIND, "c", lasting=True, complete=True), "", ["c"], ["c"], False),
]


@pytest.mark.parametrize(("name", "record", "clusters", "deletes", "_", "stays"), CASES)
def test_the_next_run_reclaims_what_wasnt_meant_to_stay(name, record, clusters, deletes, _, stays):
    abandon(record, "kubeconfig", "kind.log")
    tool, run = kind(clusters)
    reclaim.dead_runs(tool)
    assert deleted(run) == deletes
    assert left() == (["kind-c"] if stays else [])


@pytest.mark.parametrize(("name", "record", "clusters", "_", "deletes", "stays"), CASES)
def test_clean_lists_first_and_then_removes(monkeypatch, name, record, clusters, _, deletes, stays):
    abandon(record, "kubeconfig")
    tool, run = kind(clusters)
    monkeypatch.setattr(reclaim, "Kind", lambda run: tool)
    monkeypatch.setattr(reclaim, "find", lambda name: Path(name))
    [first, *_] = reclaim.clean(remove=False, kept=False)
    assert first.startswith("kept     kind cluster c" if stays else "left     kind cluster c")
    assert (deleted(run), left()) == ([], ["kind-c"])
    assert any(line.startswith("removed  kind cluster c") for line in reclaim.clean(remove=True, kept=True))
    assert (deleted(run), left()) == (deletes, [])
    assert list(reclaim.clean(remove=True, kept=True)) == ["dead runs left nothing"]


def test_what_cant_be_removed_is_told_and_stays(monkeypatch):
    abandon(Record(KIND, "c"))
    tool, run = kind("c\n")
    run.answers["kind delete"] = StageError("no docker")
    monkeypatch.setattr(reclaim, "Kind", lambda run: tool)
    monkeypatch.setattr(reclaim, "find", lambda name: Path(name))
    with pytest.raises(HarnessError, match="kind cluster c: no docker"):
        list(reclaim.clean(remove=True, kept=False))
    assert left() == ["kind-c"]
    reclaim.dead_runs(tool)  # only warns
    assert left() == ["kind-c"]


def test_other_contexts_are_left_to_clean():
    abandon(Record(CONTEXT, "theirs", run="1234"), "kubeconfig")
    tool, _run = kind()
    reclaim.dead_runs(tool)
    reclaim.dead_guests("other")
    assert left() == ["context-1234"]
    [found] = reclaim.leftovers(tool)
    assert found.what == "namespaces and objects in context theirs"


def test_a_kind_that_outlived_its_run_is_ended_before_its_cluster():
    maker = subprocess.Popen(["sleep", "60"])
    abandon(Record(KIND, "c"), "x")
    (ownership.home() / "kind-c" / "maker.pid").write_text(f"{maker.pid}\n")
    tool, run = kind("c\n")
    run.answers["ps -o args="] = "sleep 60"  # another process that got the id
    [lease] = ownership.abandoned()
    tool.delete("c", lease.directory)
    with pytest.raises(subprocess.TimeoutExpired):
        maker.wait(0.2)
    run.answers["ps -o args="] = "/bin/kind create cluster --name=c --image=x"
    tool.delete("c", lease.directory)
    assert maker.wait(10) == -signal.SIGKILL
    lease.release()


@pytest.mark.parametrize(("status", "made"), [(403, []), (500, None)])
def test_a_kind_that_may_not_be_listed_doesnt_keep_the_rest(monkeypatch, status, made):
    def answer(self, path, query):
        raise ApiError(status, "", "no")

    client = FakeClient()
    monkeypatch.setattr(FakeClient, "list", answer)
    if made is None:
        with pytest.raises(ApiError):
            reclaim._made(client, NAMESPACES, "shop", "1")
    else:
        assert reclaim._made(client, NAMESPACES, "shop", "1") == made

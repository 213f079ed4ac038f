"""How work is shared out among pytest-xdist's workers."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.plugin.distribution import scheduler, uncut

A, B = [f"scenarios/a.yaml::stage::{n}" for n in range(4)], ["scenarios/b.yml::one::x"] * 2
PLAIN = [f"tests/test_x.py::T::test_{n}" for n in range(4)]


@pytest.mark.parametrize(
    ("ids", "count", "taken"),
    [
        (PLAIN, 3, 3),
        (A + B, 1, 4),
        (A + B, 4, 4),
        (A + B, 5, 6),
        (PLAIN + A, 4, 4),
        (PLAIN + A, 5, 8),
        (A, 9, 9),
        (A, 0, 0),
        ([], 2, 2),
    ],
)
def test_a_chunk_ends_with_a_scenario(ids, count, taken):
    assert uncut(ids, count) == taken


class Config(SimpleNamespace):
    def getvalue(self, name):
        return {"dist": self.dist, "tx": ["popen"], "maxworkerrestart": None}[name]

    def getoption(self, name):
        assert name == "maxschedchunk"


class Worker:
    gateway = SimpleNamespace(id="gw")
    shutting_down = False

    def __init__(self):
        self.sent: list[int] = []

    def send_runtest_some(self, indices):
        self.sent += indices

    def shutdown(self):
        self.shutting_down = True


@pytest.mark.parametrize("dist", ["load", "worksteal"])
def test_workers_get_scenarios_whole(dist):
    ids, workers = [*A, *PLAIN, *B], [Worker(), Worker()]
    found = scheduler(Config(dist=dist), None)
    found.numnodes = len(workers)
    for worker in workers:
        found.add_node(worker)
        found.add_node_collection(worker, ids)
    found.schedule()
    done = [0, 0]
    while found.has_pending:
        for n, worker in enumerate(workers):
            if done[n] < len(worker.sent):
                done[n] += 1
                found.mark_test_complete(worker, worker.sent[done[n] - 1])
    first, second = ({ids[index] for index in worker.sent} for worker in workers)
    assert first | second == set(ids)
    assert not first & second
    assert all(set(one) <= first or set(one) <= second for one in (A, B))
    assert first
    assert second


def test_modules_and_scenarios_stay_whole_by_scope():
    found = scheduler(Config(dist="loadscope"), None)
    assert {found._split_scope(one) for one in A + PLAIN} == {"scenarios/a.yaml", "tests/test_x.py::T"}


@pytest.mark.parametrize("dist", ["loadfile", "loadgroup", "each"])
def test_what_keeps_files_together_by_itself_stays_xdist_s(dist):
    assert scheduler(Config(dist=dist), None) is None

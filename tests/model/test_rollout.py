"""The states that a rolling restart goes through, for those who have to do with a request."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.base.vocabulary import Mesh, Workload
from harness.model import changes
from harness.model.calls import mixtures
from harness.model.state.state import State
from tests.model.clusters import app, send

FACE = "ghcr.io/buoyantio/faces-face:2.0.0"
SMILEY = "ghcr.io/buoyantio/faces-smiley:2.0.0"


def before() -> State:
    state = changes.place(
        changes.install(changes.install(State(), Mesh.ISTIO), Mesh.LINKERD), "f", {Mesh.ISTIO}
    )
    face = app("f/face", FACE, 8000, FACES_SERVICE="face", SMILEY_SERVICE="smiley", COLOR_SERVICE="color:80")
    smiley = app("f/smiley", SMILEY, 8000, FACES_SERVICE="smiley", SMILEY="Grinning")
    return changes.apply(
        state, [*face, *smiley, *app("f/other", SMILEY, 8000), *app("f/client", "curlimages/curl:8.7.1")]
    )


def moved(state: State, *workloads: str) -> State:
    state = changes.place(state, "f", {Mesh.LINKERD})
    for name in workloads:
        state = changes.restart(state, "f", workload=name)
    return state


ALL = ("face", "smiley", "other", "client")


@pytest.mark.parametrize(
    ("name", "restarted", "url", "old"),
    [
        ("the client and who answers", ALL, "http://smiley/", ["client", "smiley"]),
        ("whom the server calls, too", ALL, "http://face/center/", ["client", "face", "smiley"]),
        ("only those whose pods are new", ("smiley", "other"), "http://face/center/", ["smiley"]),
        ("nobody has new pods", (), "http://face/center/", []),
    ],
)
def test_who_may_still_run_old_pods(name, restarted, url, old):
    first = before()
    last = moved(first, *restarted)
    found = dict(mixtures(first, last, Workload("f", "client"), [send(first, "f/client", url)]))
    assert [workload.name for workload in found] == old
    for workload, state in found.items():
        assert state.pods_of(workload) == first.pods_of(workload)
        assert replace(state, running={**state.running, workload: last.pods_of(workload)}) == last


def test_a_restart_that_changes_nothing_has_no_states_between():
    state = before()
    answers = [send(state, "f/client", "http://smiley/")]
    assert not list(mixtures(state, changes.restart(state, "f"), Workload("f", "client"), answers))

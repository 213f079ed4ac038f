"""Processes that share a cluster take turns."""

from __future__ import annotations

import fcntl

import pytest

from harness.cluster.ownership import ownership
from harness.cluster.ownership.ownership import turn


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def free(name, *, alone):
    """Whether another process could have that turn now."""
    with (ownership.home() / "turns" / name).open() as file:
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_alone_means_alone():
    with turn("kind-a", "install"):
        assert not free("kind-a.install", alone=True)
        assert not free("kind-a.install", alone=False)
    assert free("kind-a.install", alone=True)


def test_side_by_side_means_not_beside_one_that_must_be_alone():
    with turn("kind-a", "scenarios", alone=False):
        assert free("kind-a.scenarios", alone=False)
        assert not free("kind-a.scenarios", alone=True)


def test_other_clusters_and_other_matters_have_their_own_turns():
    with turn("kind/a b", "install"), turn("kind/a b", "images"), turn("b", "install"):
        assert not free("kind_a_b.install", alone=False)


def test_an_error_ends_the_turn():
    with pytest.raises(ValueError, match="no"), turn("kind-a", "install"):
        raise ValueError("no")
    assert free("kind-a.install", alone=True)

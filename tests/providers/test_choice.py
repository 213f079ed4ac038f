"""Which provider a run gets, and what its workers share."""

from __future__ import annotations

import pytest

from harness.base.errors import InputError
from harness.ground.choice import SHARED_KUBECONFIG, SHARED_NAME, Choice, Knobs
from harness.ground.context import ContextProvider
from harness.ground.kind import KindProvider
from harness.ground.model import ModelProvider
from harness.ground.shared import SharedKindProvider

WORKER = {"workerid": "gw1", "testrunuid": "run"}
SHARED = {**WORKER, SHARED_NAME: "harness-1", SHARED_KUBECONFIG: "/k"}


class Given(Knobs):
    """Knobs with these values alone."""

    def __init__(self, config, values):
        super().__init__(config)
        self.values = values

    def _chosen(self, knob):
        return self.values.get(knob.name)


@pytest.fixture
def choice(pytestconfig):
    def make(provider, worker=WORKER, **values):
        return Choice(Given(pytestconfig, {"provider": provider, **values}), pytestconfig, worker)

    return make


# name: (provider, what the worker was told, its provider, the cluster that it shares)
CASES = {
    "the model": ("model", WORKER, ModelProvider, None),
    "a cluster of its own": ("kind", WORKER, KindProvider, None),
    "a shared cluster": ("kind", SHARED, SharedKindProvider, "harness-1"),
    "someone else's": ("context", WORKER, ContextProvider, "theirs"),
    "someone else's, for this process alone": ("context", {}, ContextProvider, None),
}


def test_a_shard_shares_a_context_with_the_others(choice):
    assert choice("context", {}, context="theirs", shard="1/2").sharing == "theirs"
    assert choice("kind", {}, shard="1/2").sharing is None


@pytest.mark.parametrize(("provider", "worker", "kind", "sharing"), CASES.values(), ids=CASES)
def test_a_run_gets_its_provider(choice, provider, worker, kind, sharing):
    found = choice(provider, worker, context="theirs")
    assert type(found.make()) is kind
    assert found.sharing == sharing


def test_a_worker_of_a_shared_cluster_knows_it_and_leaves_it_alone(choice):
    provider = choice("kind", SHARED, reuse="1").make()
    assert (provider.cluster_name, provider.kept_as) == ("harness-1", None)
    assert provider.settings.reuse


def test_workers_clusters_have_names_of_their_own(choice):
    assert choice("kind", reuse="1").make().cluster_name == "harness-gw1"


def test_an_unknown_provider_is_an_error(choice):
    with pytest.raises(InputError, match="unknown provider 'knid'; did you mean kind"):
        choice("knid").make()


def test_a_shared_cluster_is_reached_by_a_kubeconfig_of_the_workers_own(choice, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    theirs = tmp_path / "kubeconfig"
    theirs.write_text("kubeconfig")
    theirs.chmod(0o600)
    provider = choice("kind", {**SHARED, SHARED_KUBECONFIG: str(theirs)}).make()
    path = provider.connect()
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("kubeconfig", 0o600)
    assert path != theirs
    provider.close()
    assert not path.exists()
    assert theirs.exists()

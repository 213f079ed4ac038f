"""When a kind cluster is made, used and deleted; kind itself is played."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.base.errors import MissingError, StageError
from harness.cluster.ownership import ownership
from harness.cluster.ownership.guest import RUN
from harness.cluster.ownership.ownership import KIND, MANAGED_BY, Record
from harness.ground import kind as module
from harness.ground.kind import KindProvider, KindSettings
from tests.cluster.fakes import FakeClient, FakeRun

NO_DOCKER = StageError("docker failed", why="Cannot connect to the Docker daemon")


class FakeKindCluster:
    """What pytest-kind offers, as far as it is used."""

    fails: BaseException | None = None

    def __init__(self, name, kubeconfig, image, kind_path, kubectl_path):
        self.made_in, self.kubeconfig, self.kind_path = Path.cwd(), kubeconfig, kind_path
        Path(".pytest-kind").mkdir()
        type(self).last = self
        self.image = image

    def create(self):
        if self.fails:
            raise self.fails
        self.kubeconfig.touch(0o644)


class Tools(FakeRun):
    """Exports a kubeconfig as kind does."""

    def __call__(self, argv, **rest):
        if "export" in argv:
            Path(argv[-1]).touch(0o644)
        return super().__call__(argv, **rest)


@pytest.fixture
def kind(monkeypatch, tmp_path):
    """Returns a provider, and the tools' command lines that it ran."""
    monkeypatch.setattr("pytest_kind.KindCluster", FakeKindCluster)
    monkeypatch.setattr(FakeKindCluster, "fails", None)
    monkeypatch.setattr(module, "find", lambda tool: Path(f"/bin/{tool}"))
    monkeypatch.setattr("harness.cluster.objects.docker._STRAY_CHECKS", 0)
    monkeypatch.setattr("harness.cluster.objects.docker.find", lambda tool: Path(f"/bin/{tool}"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(module, "Client", lambda kubeconfig: FakeClient())
    monkeypatch.setattr(module, "wait_for_cluster", lambda *_: None)
    before = signal.getsignal(signal.SIGTERM)

    def make(answers=None, fails=None, **settings):
        FakeKindCluster.fails = fails
        run = Tools(
            {
                "docker image ls": "kindest/node:v1.34.4",
                "docker image inspect": "sha256:1",
                "docker ps": "node",
                "kind get clusters": "other\n",
                **(answers or {}),
            }
        )
        return KindProvider(
            KindSettings(cluster_name=settings.pop("cluster_name", "c"), **settings), run
        ), run

    yield make
    signal.signal(signal.SIGTERM, before)


def deleted(run):
    return [line for line in run.ran if line.startswith("kind delete cluster --name c")]


def left(state):
    return list(state.glob("*/*"))


def test_a_cluster_is_made_in_private(kind, tmp_path):
    provider, run = kind()
    kubeconfig = provider.connect()
    assert stat.S_IMODE(kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(kubeconfig.parent.stat().st_mode) == 0o700
    assert FakeKindCluster.last.made_in == kubeconfig.parent, "nothing is left in the working directory"
    assert FakeKindCluster.last.image == "kindest/node:v1.34.4", "the newest local one"
    provider.close()
    provider.close()
    assert len(deleted(run)) == 1
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "settings", "clusters", "exports", "deletes"),
    [
        ("made", {}, "", False, 1),
        ("made and kept", {"keep": True}, "", False, 0),
        ("made for reuse", {"reuse": True}, "", False, 0),
        ("reused", {"reuse": True}, "c\n", True, 0),
    ],
)
def test_what_becomes_of_the_cluster(kind, name, settings, clusters, exports, deletes):
    provider, run = kind({"kind get clusters": clusters}, **settings)
    provider.connect()
    provider.close()
    assert any(line.startswith("kind export kubeconfig --name c") for line in run.ran) is exports
    assert len(deleted(run)) == deletes


def test_someone_elses_cluster_is_left_alone(kind):
    provider, run = kind({"kind get clusters": "c\n"})
    with pytest.raises(StageError, match="there is a kind cluster c already"):
        provider.connect()
    provider.close()
    assert deleted(run) == []


@pytest.mark.parametrize(
    ("name", "fails", "error"),
    [
        ("kind fails", subprocess.CalledProcessError(1, "kind"), StageError),
        ("^C", KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_creation_that_is_cut_short_leaves_nothing(kind, name, fails, error):
    provider, run = kind(fails=fails)
    with pytest.raises(error):
        provider.connect()
    assert len(deleted(run)) == 1
    provider.close()
    assert len(deleted(run)) == 1


def test_sigterm_is_an_interrupt_while_there_is_a_cluster(kind):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    provider, _ = kind()
    provider.connect()
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    provider.close()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"cluster_name": None}, "harness-"),
        ({"cluster_name": None, "reuse": True}, "harness"),
        ({"keep": True}, "c"),
    ],
)
def test_names(kind, settings, name):
    found = kind(**settings)[0].cluster_name
    assert found.startswith(name)
    assert (len(found) > len(name)) is name.endswith("-")


def test_all_that_is_missing_is_told_at_once(kind, monkeypatch):
    provider, _ = kind({"docker info": NO_DOCKER}, kind_bin="kindx", kubectl_bin="kubectlx")
    monkeypatch.setattr(module, "find", lambda tool: None if tool.endswith("x") else Path(tool))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(MissingError) as caught:
        provider.preflight()
    for words in (
        "pytest-kind isn't installed",
        "kindx isn't",
        "kubectlx isn't",
        "Cannot connect to the Docker",
    ):
        assert words in caught.value.why


def test_an_image_that_cant_be_had_is_told_before_anything_starts(kind, tmp_path):
    absent = {"docker image inspect": StageError("x"), "docker pull": StageError("x", why="no such host")}
    provider, run = kind(absent, node_image="kindest/node:v9", images=("a:1",))
    with pytest.raises(MissingError, match="kindest/node:v9, a:1"):
        provider.connect()
    assert not [line for line in run.ran if line.startswith("kind")]
    assert left(tmp_path) == []


def test_local_images_are_loaded_once_in_one_call(kind):
    provider, run = kind(images=("a:1", "b:1"))
    provider.connect()
    provider._load(["a:1", "c:1"])
    assert [line for line in run.ran if " load " in line] == [
        "kind load docker-image --name c a:1 b:1",
        "kind load docker-image --name c c:1",
    ]
    provider.close()


def test_the_package_is_cheap_to_import():
    heavy = "import sys, harness; print([name for name in ('kubernetes', 'pykube', 'pytest_kind') if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )


def labelled(name, **labels):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


@pytest.mark.parametrize(
    ("resume", "left"), [(False, {"guests", "theirs"}), (True, {"guests", "theirs", "ours"})]
)
def test_a_reused_cluster_is_rid_of_an_earlier_runs_namespaces(kind, monkeypatch, resume, left):
    ours, guests = labelled("ours", **MANAGED_BY), labelled("guests", **MANAGED_BY, **{RUN: "1"})
    client = FakeClient(ours, guests, labelled("theirs"))
    monkeypatch.setattr(module, "Client", lambda kubeconfig: client)
    provider, _ = kind({"kind get clusters": "c\n"}, reuse=True, resume=resume)
    provider.connect()
    provider.close()
    assert {path.rsplit("/", 1)[-1] for path in client.objects} == left


@pytest.mark.parametrize(
    ("name", "record", "clusters", "reuse", "outcome"),
    [
        ("half made by a dead run", Record(KIND, "c"), "c\n", False, "made"),
        ("half made to be kept", Record(KIND, "c", lasting=True), "c\n", True, "made"),
        ("deleted by hand", Record(KIND, "c", lasting=True, complete=True), "", True, "made"),
        ("kept", Record(KIND, "c", lasting=True, complete=True), "c\n", True, "used"),
        ("kept, and not asked for", Record(KIND, "c", lasting=True, complete=True), "c\n", False, "refused"),
    ],
)
def test_what_a_cluster_of_that_name_is_taken_for(kind, monkeypatch, name, record, clusters, reuse, outcome):
    provider, _ = kind({"kind get clusters": clusters}, reuse=reuse)
    lease = ownership.take(KIND, "c")
    lease.write(record)
    lease.release()
    FakeKindCluster.last = None
    if outcome == "refused":
        with pytest.raises(StageError, match=r"already .the harness's own, kept"):
            provider.connect()
    else:
        provider.connect()
        provider.close()
    assert (FakeKindCluster.last is not None) is (outcome == "made")
    again = ownership.take(KIND, "c")
    assert again.record == record or outcome == "made"
    again.remove()


def test_a_cluster_is_one_processs_at_a_time(kind):
    provider, _ = kind(reuse=True)
    provider.connect()
    other, _ = kind(reuse=True)
    with pytest.raises(StageError, match=f"kind c is in use by process {os.getpid()}"):
        other.connect()
    provider.close()


def test_images_that_the_nodes_have_are_not_loaded_again(kind):
    listed = "docker.io/library/a:1\nsha256:1\n"
    provider, run = kind({"docker exec": listed}, images=("a:1", "b:1"))
    provider.connect()
    assert [line for line in run.ran if " load " in line] == ["kind load docker-image --name c b:1"]
    provider.close()

"""What a guest does to someone else's cluster, and what is left when it is killed: the cluster is `ground`'s.

The guest has the rights of deploy/kubernetes/access, and no others.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from harness.base.errors import StageError
from harness.base.resources import ObjectName
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.api.kubeconfig import extract
from harness.cluster.api.tools import run
from harness.cluster.ownership.ownership import home
from harness.cluster.ownership.reclaim import clean
from harness.ground.context import ContextProvider, ContextSettings
from harness.manifests.patching import Patch
from harness.traffic.request import Request
from tests.kind.shop import CALLS, CURL, SLEEP, resource

pytestmark = pytest.mark.kind

DEPLOY = Path(__file__).parents[2] / "deploy" / "kubernetes"

WEB = Patch(ObjectName("Deployment", "theirs", "web", "apps"), {"spec": {"minReadySeconds": 1}})

WORKS = """
import os, signal, sys
from pathlib import Path
from harness.base.vocabulary import Mesh
from tests.kind.test_context import WEB, guest, mine
provider = guest(sys.argv[1], Path(sys.argv[2]))
provider.place("theirs", [Mesh.ISTIO])
provider.apply([mine("theirs"), mine("made")])
provider.patch(WEB)
os.kill(os.getpid(), signal.SIGKILL)
"""


def guest(context, kubeconfig):
    return ContextProvider(ContextSettings(context=context, kubeconfig=kubeconfig, timeout=120))


def mine(namespace):
    return resource("ConfigMap", "mine", namespace, data={"a": "1"})


@pytest.fixture(autouse=True)
def _state(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


ACCOUNT = "system:serviceaccount:mesh-migration-harness:mesh-migration-harness"


@pytest.fixture(scope="module")
def theirs(ground, kubectl, tmp_path_factory):
    """The cluster, and in it a namespace of someone else's with a workload; a guest's account reaches it."""
    for rights in ("access", "istio"):
        kubectl("apply", "-k", str(DEPLOY / rights))
    kubectl("create", "namespace", "theirs")
    kubectl("-n", "theirs", "create", "deployment", "web", f"--image={CURL}", "--", *SLEEP)
    kubectl("-n", "theirs", "rollout", "status", "deployment/web")
    context = f"kind-{ground.cluster_name}"
    config = yaml.safe_load(extract(context, ground.kubeconfig))
    token = kubectl("-n", "mesh-migration-harness", "create", "token", "mesh-migration-harness").strip()
    config["users"][0]["user"] = {"token": token}
    kubeconfig = tmp_path_factory.mktemp("guest") / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    yield context, kubeconfig
    kubectl("delete", "namespace", "theirs", "--wait=false")
    kubectl("delete", "-k", str(DEPLOY / "istio"), "-k", str(DEPLOY / "access"), "--wait=false")


@pytest.mark.parametrize(
    "beyond",
    [
        ("get", "secrets"),
        ("watch", "configmaps"),
        ("create", "clusterroles"),
        ("create", "rolebindings"),
        ("patch", "nodes"),
        ("delete", "customresourcedefinitions"),
        ("patch", "mutatingwebhookconfigurations"),
        ("impersonate", "users"),
    ],
    ids=" ".join,
)
@pytest.mark.usefixtures("theirs")
def test_the_account_has_no_right_that_it_doesnt_need(ground, beyond):
    argv = [
        "kubectl",
        "--kubeconfig",
        str(ground.kubeconfig),
        "auth",
        "can-i",
        *beyond,
        "-A",
        "--as",
        ACCOUNT,
    ]
    assert run(argv, timeout=60, answers=(1,)).strip() == "no"


@pytest.fixture
def state(kubectl):
    """Says what the harness could have changed, as it is now."""

    def now():
        metadata = ["-o", "jsonpath={.metadata.labels}{.metadata.annotations}"]
        return (
            kubectl("get", "namespace", "theirs", *metadata),
            kubectl("-n", "theirs", "get", "deployment", "web", "-o", "jsonpath={.spec.minReadySeconds}"),
            kubectl("-n", "theirs", "get", "configmap", "mine", "--ignore-not-found"),
            kubectl("get", "namespace", "made", "--ignore-not-found"),
        )

    return now


def test_a_killed_guest_leaves_nothing_after_clean(theirs, state):
    before = state()
    killed = subprocess.run([sys.executable, "-c", WORKS, theirs[0], str(theirs[1])], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert [one == other for one, other in zip(before, state(), strict=True)] == [False] * 4
    assert any(line.startswith("removed  namespaces and objects") for line in clean(remove=True, kept=False))
    assert state() == before
    assert list(home().iterdir()) == []


def test_what_is_someone_elses_stays_so(theirs, state):
    before = state()
    provider = guest(*theirs)
    try:
        for refused, words in (
            (mine("theirs"), "namespace theirs is someone else's"),
            (
                resource("PriorityClass", "a", "", "scheduling.k8s.io/v1", value=1),
                "belongs to the whole cluster",
            ),
            (mine("istio-system"), "namespace istio-system is someone else's"),
        ):
            with pytest.raises(StageError, match=words):
                provider.apply([refused])
        provider.place("theirs", [])
        with pytest.raises(StageError, match=r"conflict with .*\.spec\.replicas"):
            provider.apply([resource("Deployment", "web", "theirs", "apps/v1", spec={"replicas": 3})])
        with pytest.raises(StageError, match="isn't deleted: it is someone else's"):
            provider.remove([resource("Deployment", "web", "theirs", "apps/v1")])
        assert "isn't installed" in provider.lacking(Mesh.LINKERD)
        provider.install(Mesh.ISTIO)
        with pytest.raises(StageError, match="its control plane is someone else's"):
            provider.uninstall(Mesh.ISTIO)
    finally:
        provider.clear()
        provider.close()
    assert state() == before


def test_a_guest_runs_an_estate_of_its_own(theirs, kubectl):
    provider = guest(*theirs)
    try:
        provider.place("shop", [Mesh.ISTIO])
        provider.deploy(CALLS)
        seen = provider.send(Request(Workload("shop", "client"), "http://echo/status/204"), 5)
        assert {group.outcome.status for group in seen.groups} == {204}
    finally:
        provider.clear()
        provider.close()
    assert "shop" not in kubectl("get", "namespaces", "-o", "name")

"""What runs leave that are killed, and how the next one finds it: on real clusters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from harness.base.errors import MissingError
from harness.cluster.api.tools import run
from harness.cluster.objects.docker import Kind
from harness.cluster.ownership import ownership
from harness.cluster.ownership.reclaim import clean
from harness.ground.kind import KindProvider
from tests.kind.conftest import settings
from tests.kind.shop import CURL, SLEEP, deployment

pytestmark = pytest.mark.kind

MAKES = """
import sys
from harness.ground.kind import KindProvider
from tests.kind.conftest import settings
KindProvider(settings(cluster_name=sys.argv[1], images=())).connect()
print("made", flush=True)
sys.stdin.read()
"""
PATIENCE = 240


@pytest.fixture(scope="module", autouse=True)
def _state(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        try:
            KindProvider(settings()).preflight()
        except MissingError as error:
            pytest.skip(str(error))
        yield
        list(clean(remove=True, kept=True))


@pytest.fixture
def tool():
    return Kind(run)


def left():
    return sorted(path.name for path in ownership.home().iterdir())


def until(true, what):
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, what
        time.sleep(0.2)


@pytest.mark.parametrize("moment", ["its node is being started", "it is made"])
def test_a_killed_run_is_reclaimed_by_the_next(tool, moment):
    name = f"harness-kill-{os.getpid()}"
    process = subprocess.Popen(
        [sys.executable, "-c", MAKES, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    if moment == "it is made":
        assert process.stdout.readline() == "made\n"
    else:
        until(lambda: tool.nodes(name), "there is no node")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert left() == [f"kind-{name}"]
    assert any(line.startswith(f"left     kind cluster {name}") for line in clean(remove=False, kept=False))
    told = list(clean(remove=True, kept=False))
    assert any(line.startswith(f"removed  kind cluster {name}") for line in told), told
    assert tool.nodes(name) == ()
    assert left() == []


def test_a_kept_cluster_is_reused_without_what_a_killed_run_left(tool):
    name = f"harness-kept-{os.getpid()}"
    first = KindProvider(settings(cluster_name=name, keep=True, images=(CURL,)))
    first.deploy([deployment("client", "shop", CURL, command=SLEEP)])
    kubeconfig = first.kubeconfig
    first.close()  # without clear, as a kill would have it
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert any(line.startswith(f"kept     kind cluster {name}") for line in clean(remove=True, kept=False))
    again = KindProvider(settings(cluster_name=name, reuse=True, resume=True, images=(CURL,)))
    start = time.monotonic()
    again.connect()
    seconds = time.monotonic() - start
    again.close()
    assert seconds < 10, "nothing is left to be made or loaded"
    third = KindProvider(settings(cluster_name=name, reuse=True, images=(CURL,)))
    third.connect()
    third.close()
    kubectl = ["kubectl", "--kubeconfig", str(kubeconfig), "get", "namespaces", "-o", "name"]
    assert "namespace/shop" not in run(kubectl, timeout=60).split()
    assert any(line.startswith("removed") for line in clean(remove=True, kept=True))
    assert tool.nodes(name) == ()
    assert left() == []

from __future__ import annotations

import pytest

from harness.cluster.api.client import ApiError
from harness.cluster.probing.disruption import of_client, of_servers
from tests.cluster.fakes import FakeClient, pod

DELETED = {"deletionTimestamp": "2026-01-01T12:00:00Z"}


def stamped(name, uid, **metadata):
    return pod(name, uid=uid, **metadata)


def evicted(reason="EvictionByEvictionAPI"):
    found = pod("web-1")
    found["status"]["conditions"] += [
        {"type": "DisruptionTarget", "status": "True", "reason": reason, "message": "drained"}
    ]
    return found


def failed():
    found = pod("web-1")
    found["status"] = {"phase": "Failed", "reason": "Evicted", "message": "low on memory"}
    return found


def killed():
    found = pod("web-1")
    found["status"]["containerStatuses"] = [
        {"name": "app", "state": {}, "lastState": {"terminated": {"exitCode": 137}}}
    ]
    return found


@pytest.mark.parametrize(
    ("objects", "told"),
    [
        ([], "the pod was deleted"),
        ([evicted()], "the pod is being disrupted: EvictionByEvictionAPI: drained"),
        ([failed()], "the pod ended: Evicted: low on memory"),
        ([pod("web-1", **DELETED)], "the pod is being deleted"),
        ([killed()], "Error: app ended with exit code 137"),
        ([pod("web-1")], "the pod still runs: the API server or the node was restarted"),
    ],
)
def test_what_became_of_a_client(objects, told):
    assert of_client(FakeClient(*objects), "shop", "web-1") == told


def test_an_api_server_that_is_gone():
    class Gone(FakeClient):
        def text(self, *_, **__):
            raise ApiError(0, "Unreachable", "the API server doesn't answer: reset")

    assert of_client(Gone(), "shop", "a") == "the API server went away: the API server doesn't answer: reset"


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [
        ([stamped("a", "1")], [stamped("a", "1")], None),
        ([stamped("a", "1")], [stamped("b", "2")], "Pod shop/a: deleted"),
        ([stamped("a", "1")], [stamped("a", "1", **DELETED)], "Pod shop/a: deleted"),
        ([stamped("a", "1", **DELETED)], [], "Pod shop/a: deleted"),
        ([stamped("a", "1", ready=False)], [], None),
        ([stamped("a", "1"), stamped("b", "2")], [], "Pod shop/a: deleted\n       Pod shop/b: deleted"),
    ],
)
def test_which_servers_ended(before, now, told):
    assert of_servers(FakeClient(), before, now) == told


def test_why_a_server_ended():
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "e", "namespace": "shop"},
        "involvedObject": {"kind": "Pod", "name": "a"},
        "reason": "Evicted",
        "message": "low on memory",
    }
    assert of_servers(FakeClient(event), [stamped("a", "1")], []) == "Pod shop/a: Evicted: low on memory"

from datetime import UTC, datetime

import pytest

from harness.base.errors import StageError
from harness.base.vocabulary import Workload
from harness.cluster.objects.rollout import behind, waiting_for
from tests.cluster.fakes import deployment, pod

NOW = datetime(2026, 1, 1, 12, 0, 30, tzinfo=UTC)
REPLICA_FAILURE = {
    "type": "ReplicaFailure",
    "status": "True",
    "message": "admission webhook denied the request",
}


def failing(**status):
    found = deployment(ready=0)
    return {**found, "status": {**found["status"], **status}}


def again(started):
    state = {"running": {"startedAt": started}}
    last = {"terminated": {"exitCode": 1}}
    found = pod()
    return found | {
        "status": {
            **found["status"],
            "containerStatuses": [{"name": "app", "state": state, "lastState": last}],
        }
    }


def warning(message, about="web-6b5d4d5f74", time="2026-01-01T12:00:00Z"):
    return {
        "type": "Warning", "reason": "FailedCreate", "message": message,
        "involvedObject": {"name": about}, "lastTimestamp": time,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "workloads", "pods", "events", "reason"),
    [
        ("all ready", [deployment()], [pod()], [], None),
        ("nothing there", [], [], [], None),
        ("an old pod ends", [deployment()], [pod(), pod("old", deletionTimestamp="now")], [], "Pod shop/old is still terminating"),
        ("failed, and just started again", [deployment()], [again("2026-01-01T12:00:25Z")], [], "Pod shop/web-6b5d4d5f74-xxnlk: Error: app ended with exit code 1"),
        ("failed, and running since", [deployment()], [again("2026-01-01T12:00:15Z")], [], None),
        ("a job's pod has ended", [deployment()], [pod() | {"status": {"phase": "Succeeded"}}], [], None),
        ("just not ready", [deployment(ready=0)], [pod(ready=False)], [], "web: 0 of 1 pods are ready, 1 are up to date"),
        ("a pod's own words", [deployment(ready=0)], [pod(ready=False, waiting=("CrashLoopBackOff", "back-off"))], [], "Pod shop/web-6b5d4d5f74-xxnlk: CrashLoopBackOff: back-off"),
        ("a refused pod", [failing(conditions=[REPLICA_FAILURE])], [], [], "web: admission webhook denied the request"),
        ("an event", [deployment(ready=0)], [], [warning("quota exceeded")], "web: FailedCreate: quota exceeded"),
        ("the last event", [deployment(ready=0)], [], [warning("b", time="2026-01-01T13"), warning("a")], "web: FailedCreate: b"),
        ("an event about another", [deployment(ready=0)], [], [warning("x", about="website-1")], "web: 0 of 1 pods are ready, 1 are up to date"),
    ],
)  # fmt: skip
def test_what_is_waited_for(name, workloads, pods, events, reason):
    assert waiting_for(workloads, pods, events, NOW) == reason


@pytest.mark.parametrize(
    "reason", ["ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"]
)
def test_an_image_that_cant_be_had_ends_the_wait(reason):
    with pytest.raises(StageError, match="an image can't be had") as caught:
        waiting_for([deployment(ready=0)], [pod(ready=False, waiting=(reason, "no such host"))], [], NOW)
    assert (caught.value.where, caught.value.why) == ("Pod shop/web-6b5d4d5f74-xxnlk", "no such host")


@pytest.mark.parametrize(
    ("name", "workload", "reason"),
    [
        ("ready", deployment(), None),
        ("scaled to none", deployment(ready=0, replicas=0), None),
        ("unseen change", deployment() | {"metadata": {"generation": 3}}, "its last change hasn't been seen by the controller"),
        ("never seen", {"kind": "Deployment", "metadata": {"generation": 1}, "spec": {}}, "its last change hasn't been seen by the controller"),
        ("surging", failing(replicas=2), "older pods are still there"),
        ("not updated", failing(updatedReplicas=0, availableReplicas=1), "1 of 1 pods are ready, 0 are up to date"),
        (
            "daemon set",
            {"kind": "DaemonSet", "metadata": {}, "spec": {}, "status": {"desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}},
            "1 of 2 pods are ready, 2 are up to date",
        ),
    ],
)  # fmt: skip
def test_how_far_a_workload_is_behind(name, workload, reason):
    assert behind(workload) == reason


BOTH = {"initContainerStatuses": [{"name": "istio-proxy", "ready": True}, {"name": "linkerd-proxy"}]}


def twice(made="2026-01-01T11:59:00Z"):
    found = pod(native="istio-proxy", proxy="linkerd-proxy", ready=False, creationTimestamp=made)
    return found | {"status": {**found["status"], **BOTH}}


def test_two_proxies_in_a_pod_are_named():
    reason = waiting_for([deployment(ready=0)], [twice("2026-01-01T12:00:00Z")], [], NOW)
    assert reason == (
        "Pod shop/web-6b5d4d5f74-xxnlk: double injection: linkerd-proxy never ready: "
        "two proxies in a pod take each other's connections"
    )


def test_two_proxies_are_not_waited_for_for_ever():
    with pytest.raises(StageError, match="double injection: linkerd-proxy never ready") as told:
        waiting_for([deployment(ready=0)], [twice()], [], NOW)
    assert "istio-proxy (native sidecar) and linkerd-proxy (container)" in told.value.why


@pytest.mark.parametrize(
    ("made", "reason"), [(1, None), (0, "web: no pod of its last change has been made yet")]
)
def test_what_is_expected_not_to_be_ready_is_not_waited_for(made, reason):
    found = deployment(ready=0)
    found["status"]["updatedReplicas"] = made
    assert waiting_for([found], [twice()], [], NOW, {Workload("shop", "web")}) == reason

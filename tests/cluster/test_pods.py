import pytest

from harness.base.vocabulary import Mesh, Workload
from harness.cluster.objects import pods
from harness.cluster.objects.pods import misplaced, skipped
from harness.traffic.observables import Proxy
from tests.cluster.fakes import pod

ISTIO, LINKERD = Mesh.ISTIO, Mesh.LINKERD
WEB = Workload("shop", "web")


@pytest.mark.parametrize(
    ("owner", "workload"),
    [
        ("ReplicaSet/web-6b5d4d5f74", WEB),
        ("StatefulSet/db", Workload("shop", "db")),
        ("ReplicaSet/bare-set", Workload("shop", "bare-set")),
        ("", None),
    ],
)
def test_whose_a_pod_is(owner, workload):
    assert pods.workload(pod(owner=owner)) == workload


@pytest.mark.parametrize(
    ("name", "made", "proxies"),
    [
        ("none", {}, ()),
        ("native sidecar", {"native": "istio-proxy"}, (Proxy(ISTIO, native=True),)),
        ("container", {"proxy": "linkerd-proxy"}, (Proxy(LINKERD, native=False),)),
        ("both", {"native": "istio-proxy", "proxy": "linkerd-proxy"}, (Proxy(ISTIO, True), Proxy(LINKERD, False))),
    ],
)  # fmt: skip
def test_proxies(name, made, proxies):
    assert pods.proxies(pod(**made)) == proxies


@pytest.mark.parametrize(
    ("name", "metadata", "container"),
    [
        ("the only one", {}, "app"),
        ("by annotation", {"annotations": {"kubectl.kubernetes.io/default-container": "linkerd-proxy"}}, "linkerd-proxy"),
        ("an annotation that names none", {"annotations": {"kubectl.kubernetes.io/default-container": "x"}}, "app"),
    ],
)  # fmt: skip
def test_the_applications_container(name, metadata, container):
    assert pods.application(pod(proxy="linkerd-proxy", **metadata)) == container


@pytest.mark.parametrize(
    ("name", "made", "asked", "wrong"),
    [
        ("as asked", {"native": "istio-proxy"}, {ISTIO}, False),
        ("none, none asked", {}, set(), False),
        ("not injected yet", {}, {ISTIO}, True),
        ("still injected", {"native": "istio-proxy"}, set(), True),
        ("the other mesh", {"native": "istio-proxy"}, {LINKERD}, True),
        ("both asked: Istio comes first", {"native": "istio-proxy"}, {ISTIO, LINKERD}, False),
        ("both asked, Linkerd's there", {"native": "linkerd-proxy"}, {ISTIO, LINKERD}, True),
        ("declines Istio", {"labels": {"sidecar.istio.io/inject": "false"}}, {ISTIO}, False),
        ("declines Linkerd", {"annotations": {"linkerd.io/inject": "disabled"}}, {LINKERD}, False),
        ("asks itself", {"native": "linkerd-proxy", "annotations": {"linkerd.io/inject": "enabled"}}, set(), False),
    ],
)  # fmt: skip
def test_pods_to_restart(name, made, asked, wrong):
    assert misplaced(pod(**made), asked) is wrong


def event(about="web", time="2026-01-01T11:59:58Z"):
    return {
        "involvedObject": {"name": about},
        "lastTimestamp": time,
        "message": "Linkerd sidecar proxy injection skipped: pod has a sidecar injected already",
    }


@pytest.mark.parametrize(
    ("name", "made", "events", "count"),
    [
        ("skipped", {"native": "istio-proxy"}, [event()], 1),
        ("said twice", {"native": "istio-proxy"}, [event(), event()], 1),
        ("about another workload", {"native": "istio-proxy"}, [event("shop")], 0),
        ("about an older pod", {"native": "istio-proxy"}, [event(time="2026-01-01T11:59:00Z")], 0),
        ("injected after all", {"native": "linkerd-proxy"}, [event()], 0),
    ],
)
def test_what_injectors_said(name, made, events, count):
    found = skipped(pod(**made), WEB, events)
    assert found == ((LINKERD, events[0]["message"]),) * count


@pytest.mark.parametrize(
    ("name", "status", "trouble"),
    [
        ("none", {}, None),
        ("starting", {"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, None),
        (
            "the hopeless one first",
            {
                "initContainerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff", "message": "a"}}}],
                "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "b"}}}],
            },
            ("ErrImagePull", "b"),
        ),
        (
            "how it ended",
            {
                "containerStatuses": [
                    {
                        "name": "app",
                        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                        "lastState": {"terminated": {"exitCode": 1}},
                    }
                ]
            },
            ("CrashLoopBackOff", "back-off; app ended with exit code 1"),
        ),
        (
            "just ended",
            {"containerStatuses": [{"name": "app", "state": {"terminated": {"exitCode": 1}}}]},
            ("Error", "app ended with exit code 1"),
        ),
        (
            "not scheduled",
            {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1"}]},
            ("Unschedulable", "0/1"),
        ),
    ],
)  # fmt: skip
def test_what_keeps_a_pod_from_running(name, status, trouble):
    assert pods.trouble({"status": status}) == trouble

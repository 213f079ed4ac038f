"""What becomes of the kubelet's probes, by counters as a kubelet shows them."""

from __future__ import annotations

import pytest

from harness.base.errors import HarnessError
from harness.base.vocabulary import Workload
from harness.cluster.api.waiting import Deadline
from harness.cluster.probing import kubelet
from tests.cluster.fakes import FakeClient, pod

WEB = Workload("shop", "web")
HTTP = {"httpGet": {"path": "/ready", "port": "web"}, "failureThreshold": 2}


def probed(**declared):
    """A running pod whose application declares these probes, beside a proxy that declares its own."""
    made = pod(uid="u1", proxy="istio-proxy")
    made["spec"]["nodeName"] = "node"
    application, proxy = made["spec"]["containers"]
    application.update(declared)
    proxy["readinessProbe"] = HTTP
    return made


def counted(passed, failed, kind="Readiness"):
    """The kubelet's counters of one probe, beside another pod's."""
    lines = [
        f'prober_probe_total{{container="app",namespace="shop",pod="web",pod_uid="{uid}",'
        f'probe_type="{kind}",result="{result}"}} {value}'
        for uid, result, value in (
            ("u1", "successful", passed),
            ("u1", "failed", failed),
            ("u2", "failed", 9),
        )
    ]
    return "\n".join(["# TYPE prober_probe_total counter", *lines])


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(kubelet.time, "sleep", lambda seconds: None)
    monkeypatch.setattr(kubelet, "_control", lambda client, watched: "it answers")


class Kubelet(FakeClient):
    """A client whose node shows one reading of its counters after another, and the last one for ever."""

    def __init__(self, *objects, readings):
        super().__init__(*objects)
        self.readings = list(readings)

    def text(self, method, path, **_):
        if path != "/api/v1/nodes/node/proxy/metrics/probes":
            return super().text(method, path, **_)
        return counted(*(self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]))


@pytest.mark.parametrize(
    ("readings", "passes"),
    [
        ([(5, 0), (6, 0), (7, 0)], True),
        ([(5, 0), (7, 0)], True),
        ([(5, 0), (5, 1), (5, 2)], False),
        ([(5, 3), (6, 3), (7, 3)], True),  # what failed before doesn't count
        ([(5, 0), (5, 1), (6, 1), (6, 2), (7, 2), (8, 2)], True),
        ([(5, 0), (6, 0), (6, 1), (6, 2)], False),
    ],
)
@pytest.mark.usefixtures("at_once")
def test_a_probe_counts_when_the_kubelet_would_act(readings, passes):
    client = Kubelet(probed(readinessProbe=HTTP), readings=readings)
    (found,) = kubelet.probes(client, WEB, Deadline(5))
    assert (found.probe, found.passes) == ("app readinessProbe", passes)
    assert found.evidence == "2 times in a row by the kubelet's count"
    assert found.control == ("" if passes else "it answers")


@pytest.mark.usefixtures("at_once")
def test_a_probe_that_is_never_asked_is_no_verdict():
    client = Kubelet(probed(readinessProbe=HTTP), readings=[(5, 0)])
    with pytest.raises(HarnessError, match="neither passed nor failed 2 times in a row"):
        kubelet.probes(client, WEB, Deadline(0))


@pytest.mark.parametrize(("started", "passes"), [(True, True), (False, False)])
@pytest.mark.usefixtures("at_once")
def test_a_startup_probe_is_told_by_the_container(started, passes):
    made = probed(startupProbe=HTTP)
    made["status"]["containerStatuses"] = [{"name": "app", "started": started}]
    (found,) = kubelet.probes(Kubelet(made, readings=[(0, 0)]), WEB, Deadline(5))
    assert found.passes is passes


def test_a_workload_without_probes_has_none():
    assert kubelet.probes(Kubelet(probed(), readings=[(0, 0)]), WEB, Deadline(5)) == ()

from __future__ import annotations

import json
import stat

import pytest

from harness.base.resources import Resource
from harness.cluster.api.client import ApiError
from harness.cluster.api.discovery import Discovery
from harness.cluster.objects.diagnostics import Bundle, Limits, collect
from tests.cluster.fakes import CORE, FakeClient, pod

SECRET = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "key",
        "namespace": "shop",
        "annotations": {
            "kubectl.kubernetes.io/last-applied-configuration": json.dumps(
                {"data": {"token": "aHVudGVyMg=="}}
            ),
            "note": "mine",
        },
    },
    "data": {"token": "aHVudGVyMg=="},
    "stringData": {"other": "hunter2"},
}
EVENT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"name": "e", "namespace": "shop"},
    "involvedObject": {"kind": "Pod", "name": "web-1"},
    "lastTimestamp": "2026-01-01T12:00:00Z",
    "type": "Warning",
    "reason": "BackOff",
    "message": "restarting",
}
CONFIG = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "a", "namespace": "shop"},
    "data": {"a": "1"},
}


def resource(data):
    metadata = data["metadata"]
    return Resource(data["apiVersion"], data["kind"], metadata["namespace"], metadata["name"], data)


class WithLogs(FakeClient):
    """Has logs too."""

    def text(self, method, path, *, query=None, **rest):
        if path.endswith("/log"):
            return f"{query['container']} says\n" * 3
        if path.endswith("/proxy/metrics"):
            raise ApiError(503, "ServiceUnavailable", "no answer from the proxy")
        return super().text(method, path, query=query, **rest)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    monkeypatch.setitem(CORE, "secrets", ("Secret", True))

    def make(*objects, applied=(), limits=None):
        client = WithLogs(*objects)
        collect(
            client, Discovery(client), ["shop"], [resource(one) for one in applied], tmp_path / "b", limits
        )
        files = {
            str(path.relative_to(tmp_path / "b")): path
            for path in (tmp_path / "b").rglob("*")
            if path.is_file()
        }
        assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} <= {0o600}
        return {name: path.read_text() for name, path in files.items()}

    return make


def test_what_is_in_it(bundle):
    running = pod("web-1")
    running["status"]["containerStatuses"] = [{"name": "app", "restartCount": 1, "state": {}}]
    found = bundle(
        running,
        EVENT,
        {**CONFIG, "data": {"a": "2"}},
        applied=[CONFIG, {**CONFIG, "metadata": {"name": "gone", "namespace": "shop"}}],
    )
    assert set(found) == {
        "shop/pods.yaml", "shop/events.txt", "shop/web-1/app.log", "shop/web-1/app.previous.log",
        "objects/shop/ConfigMap-a.diff", "objects/shop/ConfigMap-gone.diff",
    }  # fmt: skip
    assert found["shop/web-1/app.log"] == "app says\n" * 3
    assert found["shop/events.txt"] == "2026-01-01T12:00:00Z Warning BackOff Pod/web-1: restarting\n"
    assert "-  a: '1'\n+  a: '2'" in found["objects/shop/ConfigMap-a.diff"]
    assert "+++ gone" in found["objects/shop/ConfigMap-gone.diff"]


def test_no_secret_is_ever_in_it(bundle):
    found = bundle(SECRET, applied=[SECRET, {**SECRET, "data": {"token": "b3RoZXI="}}])
    text = "\n".join(found.values())
    assert "objects/shop/Secret-key.diff" in found
    assert "note: mine" in text
    assert not [word for word in ("aHVudGVyMg", "hunter2", "b3RoZXI") if word in text]


def test_limits(bundle):
    running = pod("web-1")
    running["status"]["containerStatuses"] = [{"name": "app", "state": {}}]
    found = bundle(running, limits=Limits(file=20))
    assert found["shop/web-1/app.log"] == "(the first 7 bytes are left out)\ns\napp says\napp says\n"
    found = bundle(running, limits=Limits(total=0))
    assert "shop/pods.yaml: the bundle is full" in found["missing.txt"]
    found = bundle(running, limits=Limits(seconds=0))
    assert "shop/web-1/app.log: not within 0 s" in found["missing.txt"]


def test_what_cant_be_had_is_noted(bundle):
    meshed = pod("web-1", native="linkerd-proxy")
    assert bundle(meshed)["missing.txt"] == "shop/web-1/linkerd-proxy.metrics: no answer from the proxy\n"


def test_folders_are_their_owners_alone(tmp_path):
    made = Bundle(tmp_path, Limits())
    made.write("a/b.txt", "x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o700

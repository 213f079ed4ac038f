"""A cluster's API and tools, in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from harness.base.errors import StageError
from harness.base.resources import ObjectName
from harness.cluster.api.client import ApiError, Client, Json
from harness.manifests.patching import Patch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CORE = {
    "pods": ("Pod", True),
    "services": ("Service", True),
    "events": ("Event", True),
    "namespaces": ("Namespace", False),
    "configmaps": ("ConfigMap", True),
    "nodes": ("Node", False),
}
APPS = {
    "deployments": ("Deployment", True),
    "statefulsets": ("StatefulSet", True),
    "daemonsets": ("DaemonSet", True),
}


class FakeClient(Client):
    """Holds objects by path; applies, merges and deletes them, and refuses what it is told to refuse."""

    def close(self) -> None:
        """It has no connections."""

    def __init__(self, *objects: Json, refuse: dict[str, ApiError] | None = None) -> None:
        self.objects: dict[str, Json] = {}
        self.refuse = refuse or {}
        self.calls: list[tuple[str, str]] = []
        self._uid = 0
        for item in objects:
            self.put(item)

    def put(self, item: Json) -> None:
        """Adds an object as another client of the API would."""
        self.objects[path_of(item)] = self._stamped(item)

    def text(
        self,
        method: str,
        path: str,
        *,
        query: Any = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> str:
        """Answers a request as the API server would."""
        plain = urlsplit(path).path
        self.calls.append((method, plain))
        if plain in self.refuse and method != "GET":
            raise self.refuse[plain]
        if method == "GET":
            return json.dumps(self._get(path, query or {}))
        if method == "DELETE":
            if plain in self.objects:
                gone = self.objects.pop(plain)
                self.objects = {
                    where: item
                    for where, item in self.objects.items()
                    if gone["kind"] != "Namespace"
                    or item["metadata"].get("namespace") != gone["metadata"]["name"]
                }
                return json.dumps(gone)
            if plain.endswith("/pods"):
                return "{}"
            raise not_found(plain)
        assert body is not None
        if method == "POST":
            plain = f"{plain}/{body['metadata']['name']}"
            if plain in self.objects:
                raise ApiError(409, "AlreadyExists", f"{plain} already exists")
        if method == "PUT":
            self.objects[plain] = self._stamped(body)
            return json.dumps(body)
        if (query or {}).get("dryRun"):
            return json.dumps(body)
        if isinstance(body, list):
            body = Patch(ObjectName("", "", ""), operations=tuple(body)).patched(self.objects[plain])
        if method == "PUT":
            self.objects[plain] = body
            return json.dumps(body)
        merged = self._stamped(merge(self.objects.get(plain, {}), body))
        entry = {"manager": (query or {}).get("fieldManager", "other")}
        merged["metadata"].setdefault("managedFields", [entry])
        self.objects[plain] = merged
        return json.dumps(merged)

    def watch(self, path: str, *, since: str, seconds: int, query: Any = None) -> Iterator[Json]:
        """Sees no change: the next listing will."""
        return iter(())

    def websocket(self, path: str, query: Any) -> Any:
        """Has no streams."""
        raise ApiError(0, "Unreachable", "no streams here")

    def _get(self, path: str, query: Any) -> Json:
        plain = urlsplit(path).path
        if plain in self.objects:
            return self.objects[plain]
        if plain == "/apis":
            return {"groups": [{"name": "apps", "preferredVersion": {"groupVersion": "apps/v1"}}]}
        if plain in ("/api/v1", "/apis/apps/v1"):
            kinds = CORE if plain == "/api/v1" else APPS
            found = [
                {"name": name, "kind": kind, "namespaced": spaced, "verbs": ["list", "delete"]}
                for name, (kind, spaced) in kinds.items()
            ]
            return {"resources": found}
        last = plain.rsplit("/", 1)[-1]
        if not last.endswith("s"):
            raise not_found(plain)
        labels = [part.partition("=") for part in query.get("labelSelector", "").split(",") if part]
        only = parse_qs(urlsplit(path).query).get("fieldSelector", [""])[0].removeprefix("metadata.name=")
        root, _, _ = plain.rpartition(f"/{last}")
        items = [
            item
            for where, item in self.objects.items()
            if where.startswith(root) and where.rsplit("/", 2)[-2] == last
            and (not only or item["metadata"]["name"] == only)
            and all(
                (found := (item["metadata"].get("labels") or {}).get(key)) == value or (not is_ and found)
                for key, is_, value in labels
            )
        ]  # fmt: skip
        return {"metadata": {"resourceVersion": "1"}, "items": items}

    def _stamped(self, item: Json) -> Json:
        self._uid += 1
        return {**item, "metadata": {"uid": str(self._uid), **item["metadata"]}}


class FakeRun:
    """Answers tools by the start of their command line; records what was run."""

    def __init__(self, answers: dict[str, str | StageError] | None = None) -> None:
        self.answers = answers or {}
        self.ran: list[str] = []

    def __call__(self, argv: Sequence[str], **_: Any) -> str:
        line = " ".join([argv[0].rsplit("/", 1)[-1], *argv[1:]])
        self.ran.append(line)
        found = [answer for start, answer in self.answers.items() if line.startswith(start)]
        if found and isinstance(found[0], StageError):
            raise found[0]
        return str(found[0]) if found else ""


def not_found(path: str) -> ApiError:
    return ApiError(404, "NotFound", f'"{path}" not found')


def path_of(item: Json) -> str:
    version, namespace = item["apiVersion"], item["metadata"].get("namespace")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    inside = f"/namespaces/{namespace}" if namespace else ""
    return f"{root}{inside}/{item['kind'].lower()}s/{item['metadata']['name']}"


def merge(old: Any, new: Any) -> Any:
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    kept = {key: value for key, value in old.items() if key not in new}
    return kept | {key: merge(old.get(key), value) for key, value in new.items() if value is not None}


def pod(
    name: str = "web-6b5d4d5f74-xxnlk",
    *,
    namespace: str = "shop",
    owner: str = "ReplicaSet/web-6b5d4d5f74",
    native: str = "",
    proxy: str = "",
    ready: bool = True,
    waiting: tuple[str, str] | None = None,
    **metadata: Any,
) -> Json:
    """A pod of Deployment shop/web, as the API shows it."""
    kind, _, controller = owner.partition("/")
    containers = [{"name": "app", "image": "shop/web:1", "ports": [{"name": "web", "containerPort": 8080}]}]
    status: Json = {
        "phase": "Running" if ready else "Pending",
        "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
    }
    if waiting:
        state = {"waiting": {"reason": waiting[0], "message": waiting[1]}}
        status["containerStatuses"] = [{"name": "app", "state": state}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": "2026-01-01T12:00:00Z",
            "labels": {"app": "web", "pod-template-hash": "6b5d4d5f74", **metadata.pop("labels", {})},
            "ownerReferences": [{"kind": kind, "name": controller, "controller": True}] if owner else [],
            **metadata,
        },
        "spec": {
            "initContainers": [{"name": native, "restartPolicy": "Always"}] if native else [],
            "containers": containers + ([{"name": proxy}] if proxy else []),
        },
        "status": status,
    }


def deployment(name: str = "web", *, namespace: str = "shop", ready: int = 1, replicas: int = 1) -> Json:
    """A Deployment whose controller has seen its last change."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "generation": 2},
        "spec": {"replicas": replicas},
        "status": {
            "observedGeneration": 2,
            "replicas": replicas,
            "updatedReplicas": replicas,
            "availableReplicas": ready,
        },
    }

"""Clients that an estate lacks: one of another identity in the mesh, and one outside of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.resources import Resource
from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from collections.abc import Container
    from typing import Any

IMAGE = "curlimages/curl:8.7.1"
_LABELS = {"app": "curl"}


def names(taken: Container[str]) -> tuple[Workload, Workload]:
    """Returns the client in the mesh and the one outside, in namespaces that aren't taken."""
    inside, outside = (name if name not in taken else f"harness-{name}" for name in ("clients", "outside"))
    return Workload(inside, "curl"), Workload(outside, "curl")


def manifests(client: Workload) -> tuple[Resource, ...]:
    """Returns the objects of a client with a service account of its own."""
    metadata = {"name": client.name, "namespace": client.namespace}
    pod = {
        "serviceAccountName": client.name,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "curl", "image": IMAGE, "command": ["sleep", "infinity"]}],
    }
    spec = {
        "selector": {"matchLabels": _LABELS},
        "template": {"metadata": {"labels": _LABELS}, "spec": pod},
    }
    return (
        _object("v1", "ServiceAccount", client, {"metadata": metadata}),
        _object("apps/v1", "Deployment", client, {"metadata": metadata, "spec": spec}),
    )


def _object(api_version: str, kind: str, client: Workload, parts: dict[str, Any]) -> Resource:
    data = {"apiVersion": api_version, "kind": kind, **parts}
    return Resource(api_version, kind, client.namespace, client.name, data)

"""Estates of a few namespaces, written short."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.model.clusters import deployment, resource

if TYPE_CHECKING:
    from harness.base.resources import Resource

STRICT = {"mtls": {"mode": "STRICT"}}


def namespace(name: str, mesh: str = "istio") -> Resource:
    """A Namespace that asks a mesh to inject, or none."""
    labels = {"istio-injection": "enabled"} if mesh == "istio" else {}
    annotations = {"linkerd.io/inject": "enabled"} if mesh == "linkerd" else {}
    return resource("Namespace", name, labels=labels, annotations=annotations)


def web(name: str, *calls: str) -> list[Resource]:
    """A Deployment `namespace/name` of its own service account that calls Services, and its Service."""
    short = name.rpartition("/")[2]
    env = [{"name": f"URL_{index}", "value": f"http://{host}/"} for index, host in enumerate(calls)]
    ports = [{"name": "http", "containerPort": 8080}]
    container = {"name": short, "image": "example.com/web:1", "env": env, "ports": ports}
    service = {"selector": {"app": short}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    return [
        deployment(name, {"serviceAccountName": short, "containers": [container]}),
        resource("Service", name, service),
    ]


def estate(graph: dict[str, str], **meshes: str) -> list[Resource]:
    """A namespace with a workload `web` for each name; `{"a": "b c"}` says that a calls b and c."""
    names = sorted({*graph, *(name for called in graph.values() for name in called.split())})
    made = [namespace(name, meshes.get(name, "istio")) for name in names]
    for name in names:
        made += web(f"{name}/web", *(f"web.{called}" for called in graph.get(name, "").split()))
    return made


def allow(namespace: str, *principals: str) -> Resource:
    """An AuthorizationPolicy that lets in service accounts `namespace/name`."""
    named = [f"cluster.local/ns/{one.replace('/', '/sa/')}" for one in principals]
    spec = {"rules": [{"from": [{"source": {"principals": named}}]}]}
    return resource("AuthorizationPolicy", f"{namespace}/allow", spec, "security.istio.io/v1")

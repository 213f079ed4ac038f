"""An estate of any size as YAML: Services with routes and policies, the same for the same size.

Each namespace holds a client and ten Services; each Service has five routes and one policy. The estates
differ in what says so: VirtualServices and DestinationRules, the Gateway API in Istio, or in Linkerd.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from harness.base.vocabulary import Workload
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUTES = 5
"""Routes of one Service."""

SERVICES = 10
"""Services of one namespace."""

KINDS = ("istio", "istio-gateway-api", "linkerd")

Object = dict[str, Any]


@dataclass(frozen=True)
class Estate:
    """An estate: one of `KINDS`, and how many Services it has."""

    kind: str
    services: int

    def yaml(self) -> str:
        """Returns all objects, as a repository or a dump would hold them."""
        dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
        return str(yaml.dump_all(self._objects(), Dumper=dumper, sort_keys=False))

    def requests(self) -> Iterator[Request]:
        """Yields two requests to each Service from its namespace's client: one per kind of answer."""
        for index in range(self.services):
            client = Workload(f"ns-{index // SERVICES}", "client")
            yield Request(client, f"http://svc-{index}/api/{index % ROUTES}/items")
            yield Request(client, f"http://svc-{index}.ns-{index // SERVICES}/elsewhere", "POST")

    def _objects(self) -> Iterator[Object]:
        for start in range(0, self.services, SERVICES):
            namespace = f"ns-{start // SERVICES}"
            yield _namespace(namespace, self.kind)
            yield from _deployment(namespace, "client", 1)
            for index in range(start, min(start + SERVICES, self.services)):
                name = f"svc-{index}"
                yield from _deployment(namespace, name, 2)
                yield from _deployment(namespace, f"{name}-next", 1)
                yield _service(namespace, name)
                yield _service(namespace, f"{name}-next")
                yield from _configuration(self.kind, namespace, name)


def _object(api_version: str, kind: str, namespace: str, name: str, spec: Object) -> Object:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec}


def _namespace(name: str, kind: str) -> Object:
    metadata: Object = {"name": name, "labels": {"istio-injection": "enabled"}}
    if kind == "linkerd":
        metadata = {"name": name, "annotations": {"linkerd.io/inject": "enabled"}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


def _deployment(namespace: str, name: str, replicas: int) -> Iterator[Object]:
    labels = {"app": name, "app.kubernetes.io/part-of": "estate"}
    container = {"name": "main", "image": "example/app:1", "ports": [{"name": "http", "containerPort": 8080}]}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    yield _object("apps/v1", "Deployment", namespace, name, spec)


def _service(namespace: str, name: str) -> Object:
    ports = [{"name": "http", "port": 80, "targetPort": "http"}]
    return _object("v1", "Service", namespace, name, {"selector": {"app": name}, "ports": ports})


def _configuration(kind: str, namespace: str, name: str) -> Iterator[Object]:
    if kind == "istio":
        yield _virtual_service(namespace, name)
        yield _destination_rule(namespace, name)
    else:
        yield from (_http_route(namespace, name, index) for index in range(ROUTES))
    if kind == "linkerd":
        yield from _linkerd_policy(namespace, name)
    else:
        yield _authorization_policy(namespace, name)


def _virtual_service(namespace: str, name: str) -> Object:
    http: list[Object] = [
        {
            "match": [{"uri": {"prefix": f"/api/{index}"}}],
            "route": [
                {"destination": {"host": name, "subset": "all"}, "weight": 90},
                {"destination": {"host": f"{name}-next"}, "weight": 10},
            ],
        }
        for index in range(ROUTES - 1)
    ]
    http.append({"route": [{"destination": {"host": name}}], "timeout": "5s"})
    return _object(
        "networking.istio.io/v1", "VirtualService", namespace, name, {"hosts": [name], "http": http}
    )


def _destination_rule(namespace: str, name: str) -> Object:
    spec = {"host": name, "subsets": [{"name": "all", "labels": {"app": name}}]}
    return _object("networking.istio.io/v1", "DestinationRule", namespace, name, spec)


def _authorization_policy(namespace: str, name: str) -> Object:
    rule = {
        "from": [{"source": {"principals": [f"cluster.local/ns/{namespace}/sa/default"]}}],
        "to": [{"operation": {"methods": ["GET"]}}],
    }
    spec = {"selector": {"matchLabels": {"app": name}}, "rules": [rule]}
    return _object("security.istio.io/v1", "AuthorizationPolicy", namespace, name, spec)


def _http_route(namespace: str, name: str, index: int) -> Object:
    backends = [{"name": name, "port": 80, "weight": 90}, {"name": f"{name}-next", "port": 80, "weight": 10}]
    last = index == ROUTES - 1
    match = {"path": {"type": "PathPrefix", "value": "/" if last else f"/api/{index}"}}
    spec = {
        "parentRefs": [{"group": "", "kind": "Service", "name": name, "port": 80}],
        "rules": [{"matches": [match], "backendRefs": backends[:1] if last else backends}],
    }
    return _object("gateway.networking.k8s.io/v1", "HTTPRoute", namespace, f"{name}-{index}", spec)


def _linkerd_policy(namespace: str, name: str) -> Iterator[Object]:
    server = {"podSelector": {"matchLabels": {"app": name}}, "port": "http"}
    yield _object("policy.linkerd.io/v1beta3", "Server", namespace, name, server)
    policy = {
        "targetRef": {"group": "policy.linkerd.io", "kind": "Server", "name": name},
        "requiredAuthenticationRefs": [
            {"group": "policy.linkerd.io", "kind": "MeshTLSAuthentication", "name": name}
        ],
    }
    yield _object("policy.linkerd.io/v1alpha1", "AuthorizationPolicy", namespace, name, policy)
    identity = f"default.{namespace}.serviceaccount.identity.linkerd.cluster.local"
    yield _object(
        "policy.linkerd.io/v1alpha1", "MeshTLSAuthentication", namespace, name, {"identities": [identity]}
    )

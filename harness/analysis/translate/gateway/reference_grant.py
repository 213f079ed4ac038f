"""ReferenceGrants: a gateway's route may send to another namespace only if that one says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

GROUP = "gateway.networking.k8s.io"
API = f"{GROUP}/v1beta1"


def add(draft: Draft) -> None:
    """Adds a grant for each pair of namespaces that routes on Gateways of the translation join.

    Istio's gateways ask for none where a VirtualService leads to another namespace. Neither do meshes where
    a route's parent is a Service.
    """
    kinds: dict[tuple[str, str], set[str]] = {}
    services: dict[tuple[str, str], set[str]] = {}
    origins: dict[tuple[str, str], dict[Resource, None]] = {}
    for one in draft.objects:
        route = one.resource
        if route.group != GROUP or not _on_gateway(route.data.get("spec") or {}):
            continue
        for namespace, name in _backends(route):
            if namespace != route.namespace:
                pair = (namespace, route.namespace)
                kinds.setdefault(pair, set()).add(route.kind)
                services.setdefault(pair, set()).add(name)
                origins.setdefault(pair, {}).update(dict.fromkeys(one.origins))
    for (namespace, routes), names in sorted(services.items()):
        spec = {
            "from": [
                {"group": GROUP, "kind": kind, "namespace": routes}
                for kind in sorted(kinds[namespace, routes])
            ],
            "to": [{"group": "", "kind": "Service", "name": name} for name in sorted(names)],
        }
        draft.add(API, "ReferenceGrant", namespace, f"routes-of-{routes}", spec, origins[namespace, routes])


def _on_gateway(spec: Mapping[str, Any]) -> bool:
    return any(parent.get("kind") == "Gateway" for parent in spec.get("parentRefs") or ())


def _backends(route: Resource) -> Iterator[tuple[str, str]]:
    for rule in route.data["spec"].get("rules") or ():
        for backend in rule.get("backendRefs") or ():
            yield backend.get("namespace") or route.namespace, backend["name"]

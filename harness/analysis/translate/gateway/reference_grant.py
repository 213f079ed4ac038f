"""ReferenceGrants: a gateway's route may send to another namespace only if that one says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.gateway_api.route import KINDS, Route

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.base.resources import Resource

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
        if route.group != GROUP or route.kind not in KINDS:
            continue
        read = Route.of(route)
        if not any(parent.kind == "Gateway" for parent in read.parents):
            continue
        backends = (backend for rule in read.written_rules for backend in rule.backends)
        for namespace, name in ((backend.namespace, backend.name) for backend in backends):
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

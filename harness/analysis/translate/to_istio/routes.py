"""Routes on Services: Istio reads the Gateway API's own, by the same precedence; Linkerd's become such."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.api.gateway_api import GROUP as GATEWAY_API
from harness.api.gateway_api.route import KINDS, Route
from harness.api.linkerd import GROUP

if TYPE_CHECKING:
    from harness.analysis.translate.draft import Draft
    from harness.api.gateway_api.reference import ParentRef

_CORE = "core"
"""Linkerd's other name for the group of Services, which Istio doesn't know."""


def translate(draft: Draft) -> None:
    """Writes Linkerd's HTTPRoutes on Services as the Gateway API's, and groups as Istio reads them."""
    for resource in draft.estate.resources:
        if resource.group not in (GROUP, GATEWAY_API) or resource.kind not in KINDS:
            continue
        route = Route.of(resource)
        egress = [parent for parent in route.parents if parent.kind == "EgressNetwork"]
        for parent in egress:
            draft.report("to-istio.egress-route", route, parent.path, name=parent.name)
        on_services = [parent for parent in route.parents if _is_service(parent)]
        if on_services and resource.kind == "GRPCRoute":
            draft.report("to-istio.grpc-alone", route, "parentRefs")
        if not on_services or (resource.group == GATEWAY_API and not _is_changed(on_services)):
            continue
        data: dict[str, Any] = json.loads(json.dumps(resource.data["spec"]))
        if resource.group == GROUP:
            data["parentRefs"] = [parent.data for parent in on_services]
        spec = _without_core(data)
        if resource.group == GROUP:
            draft.add(f"{GATEWAY_API}/v1", "HTTPRoute", resource.namespace, resource.name, spec, (resource,))
        else:
            draft.change(Route.of(resource), spec)


def _is_service(parent: ParentRef) -> bool:
    return parent.kind == "Service" and parent.group in ("", _CORE)


def _is_changed(parents: list[ParentRef]) -> bool:
    return any(parent.group == _CORE for parent in parents)


def _without_core(part: Any) -> Any:
    """Every reference's group as the API writes it."""
    if isinstance(part, list):
        return [_without_core(item) for item in part]
    if not isinstance(part, dict):
        return part
    core = part.get("group") == _CORE and "name" in part
    return {key: "" if core and key == "group" else _without_core(value) for key, value in part.items()}

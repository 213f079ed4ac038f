"""Traps of ambient mode: what does nothing in it, and what does nothing without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api import gateway_api, marks
from harness.api.istio.registry import Sidecar
from harness.api.istio.security.authentication import GROUP, PolicySpec
from harness.api.kubernetes.metadata import labels_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.model import State

_GATEWAY = (gateway_api.GROUP, "Gateway")
_SERVED = ("Service", "ServiceEntry")


@rule
def sidecar_in_ambient(state: State) -> Iterator[Sign]:
    ambient = _ambient(state)
    for resource in state.all(*Sidecar.KIND):
        if resource.namespace in ambient:
            yield seen(resource, namespace=resource.namespace)


@rule
def policy_needs_waypoint(state: State) -> Iterator[Sign]:
    left_out = any(each.resource.key[:2] == _GATEWAY for each in state.undecided)  # as waypoints are
    if left_out or _ambient(state):
        return  # one may serve it, from any namespace
    for kind in ("AuthorizationPolicy", "RequestAuthentication"):
        for policy in state.all(GROUP, kind):
            served = [to for to in PolicySpec.kept(policy).targets if to.kind in _SERVED]
            if served:
                yield seen(policy, served[0].path, target=f"{served[0].kind} {served[0].name}")


def _ambient(state: State) -> set[str]:
    """The namespaces in ambient mode, of which the model leaves the label out."""
    left_out = (each.resource for each in state.undecided if each.resource.kind == "Namespace")
    namespaces = (*state.all("", "Namespace"), *left_out)
    return {each.name for each in namespaces if _is_ambient(labels_of(each))}


def _is_ambient(labels: Mapping[str, str]) -> bool:
    """Whether a namespace with these labels is in ambient mode, and asks for no sidecars."""
    sidecars = labels.get(marks.ISTIO_INJECTION) == "enabled" or labels.get(marks.ISTIO_REVISION)
    return labels.get(marks.ISTIO_AMBIENT) == "ambient" and not sidecars

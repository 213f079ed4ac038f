"""Which pods objects of an estate mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.service import Service
from harness.model.state.tables import LabelTable, per_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod


def behind(state: State, service: Resource) -> list[Pod]:
    """Returns the pods that a Service selects; none for another object."""
    if service.kind != "Service":
        return []
    selector = Service.kept(service).selector
    return by_labels(state).selected(service.namespace, selector) if selector else []


@per_state
def by_labels(state: State) -> LabelTable[Pod]:
    """Returns the pods by their namespace and labels."""
    return LabelTable((pod.namespace, pod.labels, pod) for pod in state.pods)


def of_gateway(state: State, selector: Mapping[str, str]) -> list[Pod]:
    """Returns the pods of any namespace that a Gateway of Istio's selects."""
    return _anywhere(state).selected("", selector)


@per_state
def _anywhere(state: State) -> LabelTable[Pod]:
    return LabelTable(("", pod.labels, pod) for pod in state.pods)

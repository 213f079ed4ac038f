"""Pods that fare alike: a request is decided for one of them, not for each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from harness.model import apps
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.model.network.services import Endpoint
    from harness.model.state.pods import Pod
    from harness.model.state.state import State

Item = TypeVar("Item")


def merged(state: State, choices: Iterable[tuple[int, Endpoint, Item]]) -> list[tuple[int, Item]]:
    """Returns one of the choices whose endpoints fare alike, with the sum of their weights.

    Those are the pods of one workload that differ by name alone, if their application isn't known to
    answer with its name.
    """
    found: dict[tuple[int, int, bool], tuple[int, Item]] = {}
    for weight, endpoint, item in choices:
        pod = _alike(state).get(id(endpoint.pod), endpoint.pod)
        key = (id(pod), endpoint.port, endpoint.named)
        before, first = found.get(key, (0, item))
        found[key] = (before + weight, first)
    return list(found.values())


@per_state
def _alike(state: State) -> dict[int, Pod]:
    """The first of the pods that are like a pod, by the pod's place in memory: a state keeps its pods."""
    return {
        id(pod): pods[0]
        for pods in state.running.values()
        for pod in pods
        if not any(map(apps.known, pod.containers)) and replace(pod, name=pods[0].name) == pods[0]
    }

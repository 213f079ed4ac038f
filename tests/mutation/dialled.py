"""Pods as clients dial them: by names under a headless Service, and at their own addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.vocabulary import PLATFORM
from harness.model.network.services import addresses
from tests.mutation.strangers import address

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.base.resources import Resource
    from harness.model import State

_UNNAMED = 4711
"""A port that no container names."""


def names(service: Resource, states: Sequence[State]) -> Iterator[str]:
    """Yields the names of a headless Service's pods, as far as they have one."""
    spec = service.data.get("spec") or {}
    if spec.get("clusterIP") == "None":
        for pod in sorted({pod.name for state in states for pod in addresses(state, service)}):
            yield f"{pod}.{service.name}.{service.namespace}"


def ports(states: Sequence[State]) -> Iterator[tuple[str, int]]:
    """Yields the addresses of pods that both states have, each with ports of its containers and another."""
    for workload, pods in states[0].running.items():
        if (
            all(state.pods_of(workload) for state in states)
            and workload.namespace not in PLATFORM
            and not pods[0].gateway
        ):
            yield from ((address(workload), port) for port in (*pods[0].containers[0].exposed, _UNNAMED))

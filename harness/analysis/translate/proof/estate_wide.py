"""Differences between the meshes themselves, which no object of an estate makes: each is told once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.analysis.translate.finding import Finding
from harness.model.network.services import names
from harness.traffic.trace import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from harness.analysis.compare import Difference
    from harness.traffic.outcomes import Outcomes

_DENORMAL = re.compile(r"//|/\.\.?(/|$)|%[0-9a-fA-F]{2}|\\")
"""What a normalized path doesn't have [Istio: MeshConfig, pathNormalization]."""
_WORDS = frozenset(("seconds", "status", "grpc_status", "failure", "refused"))


def _names_another(difference: Difference) -> bool:
    """Whether the Host header names something else than the Service that is dialled."""
    request, service = difference.request, difference.service
    host = request.authority.partition(":")[0]
    return request.through is None and host not in names(service, request.source.namespace)


def _is_denormal(difference: Difference) -> bool:
    return _DENORMAL.search(difference.request.path) is not None


def _is_dropped(difference: Difference) -> bool:
    """Whether a NetworkPolicy drops the connection, before and after: the meshes wait for different times."""
    sides = (difference.before, difference.after)
    return _WORDS.issuperset(difference.parts) and all(map(_dropped, sides))


def _dropped(outcomes: Outcomes) -> bool:
    steps = (step for group in outcomes.groups for step in group.trace)
    return any(
        step.resource is not None and step.resource.kind == "NetworkPolicy" and step.action is Action.DENIED
        for step in steps
    )


_CAUSES: Mapping[str, Callable[[Difference], bool]] = {
    "host-header": _names_another,
    "path-normalization": _is_denormal,
    "dropped-connection": _is_dropped,
}


def causes(difference: Difference) -> Iterable[Finding]:
    """Yields what differs between the meshes that accounts for a difference by itself."""
    return (Finding.of_all(code) for code, accounts in _CAUSES.items() if accounts(difference))

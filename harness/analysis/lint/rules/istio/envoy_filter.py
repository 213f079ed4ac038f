"""Traps in EnvoyFilters, as far as their form tells [istio/istio: analyzers/envoyfilter]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.istio.envoy_filter import IGNORED, RELATIVE, REPLACEABLE, EnvoyFilter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.envoy_filter import ConfigPatch
    from harness.model import State


@rule
def envoy_filter_operation_ignored(state: State) -> Iterator[Sign]:
    for _, part in _patches(state):
        if _is_ignored(part):
            yield seen(part.patch, "operation", operation=part.patch.operation, target=part.apply_to)


@rule
def envoy_filter_relative(state: State) -> Iterator[Sign]:
    versioned: set[str] = set()
    for read, part in _patches(state):
        if part.patch.operation in RELATIVE and not (_is_ignored(part) or read.priority):
            case = "version" if part.target in versioned else ""
            yield seen(part.patch, "operation", case=case, operation=part.patch.operation)
        if part.match.proxy.version:
            versioned.add(part.target)


def _is_ignored(part: ConfigPatch) -> bool:
    operation = part.patch.operation
    replaced = operation == "REPLACE" and part.apply_to not in REPLACEABLE
    return replaced or part.apply_to in IGNORED.get(operation, ())


def _patches(state: State) -> Iterator[tuple[EnvoyFilter, ConfigPatch]]:
    for read in map(EnvoyFilter.kept, state.all(*EnvoyFilter.KIND)):
        yield from ((read, part) for part in read.patches)

"""Traps in Telemetries, and fields that are about to go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import Sign, rule, seen
from harness.api.istio.mesh_config import Telemetry
from harness.api.istio.virtual_service import VirtualService
from harness.model.istio import mesh_config

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.model import State


@rule
def telemetry_without_provider(state: State) -> Iterator[Sign]:
    if mesh_config.read(state).default_providers.access_logging:
        return
    for telemetry in map(Telemetry.kept, state.all(*Telemetry.KIND)):
        for logging in telemetry.access_logging:
            if not (logging.disabled or logging.providers):
                yield seen(logging)


@rule
def field_deprecated(state: State) -> Iterator[Sign]:
    for resource in state.all(*VirtualService.KIND):
        for part in VirtualService.of(resource).http:
            if part.fault.delay.percent:
                yield seen(part.fault.delay, "percent", instead="percentage.value")
    providers = mesh_config.read(state).extension_providers
    lightstep = {provider.name for provider in providers if provider.lightstep is not None}
    for telemetry in map(Telemetry.kept, state.all(*Telemetry.KIND)):
        for tracing in telemetry.tracing:
            for provider in tracing.providers:
                if provider.name in lightstep:
                    yield seen(provider, "name", instead="a provider by OpenTelemetry")

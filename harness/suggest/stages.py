"""The stages of a migration, and the ground that each of them leaves to judge on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.translate import translate
from harness.base.errors import HarnessError, InputError
from harness.base.vocabulary import Mesh
from harness.expectations import Ground
from harness.ground.model import ModelProvider
from harness.model.changes.loading import meshes_used
from harness.run.runner import Runner
from harness.suggest.placement import held
from harness.suggest.sources import Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.scenario import Scenario
    from harness.suggest.sources import Sources

TRANSLATED, STAYING = "linkerd", "gateways"
"""The configurations that are translated of Istio's, and that stay with its gateways."""

Written = dict[str, Any]
"""A stage, or a scenario, as a file writes it."""


@dataclass(frozen=True)
class Reached:
    """A stage on the model."""

    name: str
    ground: Ground


def written(sources: Sources, clients: Sequence[str], *, by_namespace: bool) -> list[Written]:
    """Returns the stages: as it is, both control planes, and Linkerd, at once or namespace by namespace.

    `clients` are namespaces of clients that move along. Raises InputError where nothing is Istio's.
    """
    meshes, _ = held(sources.objects)
    moving = [where for where, mesh in meshes.items() if mesh is Mesh.ISTIO]
    istio = [source.name for source in sources.of(Role.ISTIO)]
    routes = [source.name for source in sources.of(Role.ROUTES)]
    place = dict.fromkeys(clients, Mesh.ISTIO.value)
    place |= {where: mesh.value for where, mesh in meshes.items() if "/" not in where}
    if not moving and not istio:
        raise InputError("nothing in the manifests is Istio's, so nothing moves from it")
    needed = {*meshes_used(sources.objects), *meshes.values(), *([Mesh.ISTIO] if istio else [])}
    first = {
        "name": "istio",
        "install": sorted({mesh.value for mesh in needed} - set(place.values())),
        "mesh": place,
        "apply": [*routes, *istio],
    }
    both = {"name": "both control planes", "install": [Mesh.LINKERD.value]}
    translated = [TRANSLATED] if istio else []
    staying = [STAYING] if sources.staying else []
    if not by_namespace:
        mesh = dict.fromkeys((*clients, *moving), Mesh.LINKERD.value)
        linkerd = {"name": "linkerd", "apply": [*translated, *staying], "mesh": mesh, "remove": istio}
        return _without_empty([first, both, linkerd])
    ordered = _ordered(sources, moving)
    steps: list[Written] = [
        {"name": f"{where} under linkerd", "mesh": {where: "linkerd"}} for where in ordered
    ]
    if steps:
        steps[-1]["mesh"] |= dict.fromkeys(clients, Mesh.LINKERD.value)
    last = {"name": "linkerd", "apply": staying, "remove": istio}
    return _without_empty([first, both | {"apply": translated}, *steps, *([last] if istio else [])])


def _ordered(sources: Sources, moving: Sequence[str]) -> list[str]:
    """The namespaces in the order that keeps the fewest calls in plaintext meanwhile."""
    from harness.analysis.discover.migration import migration  # most suggestions move all at once

    best = migration(sources.objects, translate(sources.objects).patches)
    order = [stage.moves for stage in best.stages if stage.moves in moving]
    return [*order, *(where for where in moving if where not in order)]


def _without_empty(stages: Iterable[Written]) -> list[Written]:
    return [{key: value for key, value in stage.items() if value} for stage in stages]


def reached(scenario: Scenario) -> tuple[list[Reached], HarnessError | None]:
    """Returns the stages that the model reaches, and why it doesn't reach the next one, if there is one."""
    provider = ModelProvider()
    runner = Runner(scenario, provider)
    stages: list[Reached] = []
    for index, stage in enumerate(scenario.stages):
        try:
            runner.reach(index)
        except HarnessError as error:
            return stages, error
        still = ModelProvider()
        still.state = provider.state
        stages.append(Reached(stage.name, Ground(still, scenario.apps, scenario.configs)))
    return stages, None

"""The stages of a migration, and the ground that each of them leaves to judge on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base import Installation
from harness.base.errors import HarnessError, InputError
from harness.base.vocabulary import Mesh
from harness.expectations import DURING, Ground
from harness.ground.model import ModelProvider
from harness.model.changes.loading import meshes_used
from harness.model.decide import arrivals
from harness.run.runner import Runner
from harness.scenario import Check, Scenario, Stage
from harness.scenario.models import StageFile
from harness.scenario.transition import steps_of
from harness.suggest.placement import held
from harness.suggest.sources import STAYING, TRANSLATED, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.base.resources import Resource
    from harness.model import State
    from harness.scenario.steps import Step
    from harness.suggest.sources import Sources
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.traffic.trace import Arrivals

Written = dict[str, Any]
"""A stage, or a scenario, as a file writes it."""


class Still(ModelProvider):
    """A stage as it stands; it keeps the last answer, about which several things are asked."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self.state = state
        self._last: tuple[Request, tuple[Outcomes, Arrivals | None]] | None = None

    def answer(self, request: Request) -> tuple[Outcomes, Arrivals | None]:
        """Returns what comes back of a request, and how many arrive meanwhile (None: that isn't modelled)."""
        if self._last is None or self._last[0] != request:
            self._last = request, arrivals(self.state, request)
        return self._last[1]

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        return self.answer(request)[0]


@dataclass(frozen=True)
class Reached:
    """A stage on the model."""

    name: str
    provider: Still
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

    best = migration(sources.objects, sources.translation.patches)
    order = [stage.moves for stage in best.stages if stage.moves in moving]
    return [*order, *(where for where in moving if where not in order)]


def _without_empty(stages: Iterable[Written]) -> list[Written]:
    return [{key: value for key, value in stage.items() if value} for stage in stages]


def scenario(
    sources: Sources, clients: Iterable[Resource], stages: Sequence[Written], during: Iterable[Written] = ()
) -> Scenario:
    """Returns the scenario of these stages as it will be read from its file, with `during` alone to judge."""
    apps = tuple(resource for source in sources.of(Role.APPS) for resource in source.objects)
    own = sources.of(Role.ROUTES, Role.ISTIO)
    configs = {source.name: source.objects for source in own}
    configs |= {STAYING: sources.staying, TRANSLATED: sources.translation.objects}
    loads = tuple(DURING[kind].model_validate(keys) for each in during for kind, keys in each.items())
    checks = tuple(Check(f"during: {load.title()}", load, "", "") for load in loads)
    made = tuple(
        Stage(stage["name"], _steps(sources, stage, first=not index), checks if index else ())
        for index, stage in enumerate(stages)
    )
    translations = {TRANSLATED: sources.translation}
    translated = {TRANSLATED: tuple(source.name for source in own)}
    undecided = frozenset(str(each.resource) for each in sources.undecided)
    every = (*apps, *clients)
    trial = Scenario(Path(), "trial", every, configs, made, translations, translated, undecided=undecided)
    return replace(trial, gateway_api=sources.gateway_api)


def _steps(sources: Sources, stage: Written, *, first: bool) -> tuple[Step, ...]:
    installations = dict.fromkeys(Mesh, Installation(gateway_api=sources.gateway_api))
    return tuple(steps_of(StageFile.model_validate(stage), installations, first=first))


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
        still = Still(provider.state)
        stages.append(Reached(stage.name, still, Ground(still, scenario.apps, scenario.configs)))
    return stages, None

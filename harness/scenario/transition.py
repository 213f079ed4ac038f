"""A transition's steps, in the order in which they are done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import Workload
from harness.ground.condition import Condition
from harness.manifests.patching import Patch
from harness.scenario.steps import (
    STEPS,
    Apply,
    Change,
    Deploy,
    Install,
    Place,
    Remove,
    Restart,
    Run,
    Translate,
    Uninstall,
    Wait,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base import Installation, Mesh
    from harness.scenario.models import TransitionFile, WaitFile
    from harness.scenario.steps import Step


def steps_of(
    written: TransitionFile, installations: Mapping[Mesh, Installation], *, first: bool
) -> Iterator[Step]:
    """Yields a transition's steps; the first one of a scenario deploys its apps.

    Then namespaces are placed before their pods exist, which spares a restart.
    """
    installed = sorted(set(written.install).union(*written.mesh.values()))
    if installed:
        yield Install({mesh: installations[mesh] for mesh in installed})
    places = [Place(_where(where), tuple(sorted(meshes))) for where, meshes in written.mesh.items()]
    early = [place for place in places if first and isinstance(place.where, str)]
    yield from early
    if first:
        yield Deploy()
    yield from map(Apply, written.apply)
    for patch in written.patch:
        yield Change(Patch(patch.target, patch.merge, tuple(patch.json_ or ())))
    yield from map(Translate, written.translate)
    yield from (place for place in places if place not in early)
    yield from (Restart(_where(where)) for where in written.restart)
    yield from map(Remove, written.remove)
    yield from map(Uninstall, written.uninstall)
    yield from (Wait(_condition(wait)) for wait in written.wait)
    yield from (STEPS[kind].model_validate(own) for entry in written.do for kind, own in entry.items())
    if written.run:
        yield Run(tuple(written.run))


def _where(text: str) -> str | Workload:
    return Workload.parse(text) if "/" in text else text


def _condition(written: WaitFile) -> Condition:
    name, _, status = written.condition.partition("=")
    return Condition(
        written.for_, name, status or "True", written.field, written.is_, bool(written.absent), written.within
    )

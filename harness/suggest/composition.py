"""A scenario composed of manifests, with the manifests that it needs besides, and tried before it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import workloads
from harness.base.errors import InputError
from harness.manifests.documents import keeping_all
from harness.scenario import load_scenario
from harness.suggest import stages, transitions, writer
from harness.suggest.draft import LIMIT, suggest
from harness.suggest.estate import Estate
from harness.suggest.layout import Layout, clients, manifests
from harness.suggest.placement import held
from harness.suggest.sources import STAYING, TRANSLATED

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from harness.base.errors import HarnessError
    from harness.base.vocabulary import Workload
    from harness.suggest.sources import Sources
    from harness.suggest.stages import Reached
    from harness.suggest.suggestion import Suggestion


_CLIENTS = ("in the mesh, with an identity of its own", "without a mesh")


@keeping_all()
def compose(
    sources: Sources, file: Path, *, by_namespace: bool = False, limit: int = LIMIT, force: bool = False
) -> str:
    """Writes the scenario, and manifests beside it where it needs some; returns what to tell.

    Raises InputError if a file would be replaced (unless forced), HarnessError where the model can't reach
    the first stage.
    """
    candidates = clients({resource.namespace or resource.name for resource in sources.objects})
    if not force:
        Layout.beside(file, sources, candidates).check_free()
    moving = candidates[0].namespace
    planned = stages.written(sources, [moving], by_namespace=by_namespace)
    trial = stages.scenario(sources, manifests(candidates), planned)
    reached, problem = stages.reached(trial)
    if not reached:
        raise problem or InputError("the scenario has no stage")
    made = suggest(_estate(sources, reached, candidates), reached, sources.translation.findings, limit=limit)
    if not any(made.entries):
        raise InputError(
            "no expectation can be made of these manifests",
            why="\n".join(_uncovered(sources, made, problem)),
            todo="name the Services' manifests, too, and those of the pods that answer",
        )
    during = transitions.candidates(made.first, made.work) if len(reached) > 1 else []
    large = transitions.too_large(trial, reached[0].provider.state) if during else ""
    during, cut = ([], []) if large else (during, list[str]())
    if during:
        trial = stages.scenario(sources, manifests(candidates), planned[: len(reached)], during)
        during, cut = transitions.confirmed(trial, during)
    senders = {entry.fields.get("from") for entry in made.entries}
    needed = tuple(client for client in candidates if str(client) in senders)
    layout = Layout.beside(file, sources, needed)
    inside = [client.namespace for client in needed if client.namespace == moving]
    planned = stages.written(sources, inside, by_namespace=by_namespace)[: len(reached)]
    uncovered = [*_uncovered(sources, made, problem)]
    uncovered += [f"during transitions: {large}"] if large else []
    uncovered += [f"during transitions, since the model foresees a failure: {why}" for why in cut]
    head = {"name": f"{file.stem} moves from Istio to Linkerd", **layout.head}
    head |= {"during": during} if during else {}
    layout.write(writer.scenario(head, planned, made, _notes(sources, candidates, needed), uncovered))
    return _summary(layout, made, len(uncovered), problem)


def _estate(sources: Sources, reached: Sequence[Reached], candidates: tuple[Workload, Workload]) -> Estate:
    originals = {resource.key: resource for resource in sources.objects}
    states = tuple(stage.provider.state for stage in reached)
    return Estate(states, frozenset(workloads(reached[0].ground.apps)), *candidates, originals)


def _notes(sources: Sources, candidates: tuple[Workload, ...], needed: Sequence[Workload]) -> Iterator[str]:
    yield "It passes as it is, and is yours to edit. Put in paths and methods that your applications answer."
    meshes, assumed = held(sources.objects)
    if sources.staying:
        names = ", ".join(map(str, sources.staying))
        yield f"Istio's gateways stay, and so does what is for them ({STAYING}): {names}."
    if assumed:
        yield f"No manifest asks for a proxy: {', '.join(meshes)} are taken to be Istio's."
    if sources.undeclared:
        names = ", ".join(sources.undeclared)
        yield f"Namespaces that manifests speak of, and that none declares, were written: {names}."
    for client, what in zip(candidates, _CLIENTS, strict=True):
        if client in needed:
            yield f"{client} was written for this scenario: a client {what}."
    yield "Where a split is by workload, a cluster must see who answers: name what tells it (`by`)."


def _uncovered(sources: Sources, made: Suggestion, problem: HarnessError | None) -> Iterator[str]:
    if problem is not None:
        yield f"the stages from here on: {problem.brief}"
    yield from (" ".join(str(each).split()) for each in sources.undecided)
    yield from (" ".join(reason.split()) for reason in (*sources.left_out, *made.uncovered))


def _summary(layout: Layout, made: Suggestion, uncovered: int, problem: HarnessError | None) -> str:
    """What was written, after it was loaded: raises InputError if that isn't what passed on the model."""
    scenario = load_scenario(layout.file, {TRANSLATED: layout.sources.translation})
    wanted = [{*made.names, *(item.entry.name for item in items)} for items in made.stages]
    there = [
        {check.name for check in stage.checks if not check.name.startswith("during: ")}
        for stage in scenario.stages
    ]
    if there != wanted:
        raise InputError("what was written isn't what was meant", where=str(layout.file), todo="report it")
    checks = sum(len(stage.checks) for stage in scenario.stages)
    files = "".join(f"{file}\n" for file in (layout.file, *layout.manifests))
    lines = [f"{len(scenario.stages)} stages, {checks} expectations, all pass on the model"]
    if uncovered:
        lines.append(f"not covered: {uncovered}, which the end of the file lists")
    if names := ", ".join(sorted(scenario.undecided)):
        lines.append(f"not decided, and so not proven: {names}")
    if problem:
        lines.append(f"not all stages: {problem.what}")
    return files + "".join(f"{line}\n" for line in lines)

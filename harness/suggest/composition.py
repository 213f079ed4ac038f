"""A scenario composed of manifests, with the manifests that it needs besides, and tried before it is told."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from harness.analysis.translate import translate
from harness.api.kubernetes.workload import workloads
from harness.base.errors import InputError
from harness.expectations import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner
from harness.scenario import load_scenario
from harness.suggest import stages, transitions, writer
from harness.suggest.estate import Estate
from harness.suggest.layout import Layout, clients
from harness.suggest.placement import held
from harness.suggest.stages import STAYING
from harness.suggest.suggestion import LIMIT, nothing, suggest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.base.errors import HarnessError
    from harness.base.vocabulary import Workload
    from harness.suggest.sources import Sources
    from harness.suggest.stages import Reached
    from harness.suggest.suggestion import Suggestion


_CLIENTS = ("in the mesh, with an identity of its own", "without a mesh")


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
    with tempfile.TemporaryDirectory() as folder:
        trial = Layout(Path(folder) / "scenario.yaml", Path(folder), sources, candidates)
        trial.write(writer.scenario({"name": "trial", **trial.head}, planned, nothing(len(planned)), ()))
        scenario = load_scenario(trial.file)
        reached, problem = stages.reached(scenario)
        if not reached:
            raise problem or InputError("the scenario has no stage")
        findings = translate(sources.objects).findings
        made = suggest(_estate(sources, reached[0], candidates), reached, findings, limit=limit)
        if not any(made.entries):
            raise InputError(
                "no expectation can be made of these manifests",
                why="\n".join(_left_out(sources, made, problem)),
                todo="name the Services' manifests, too, and those of the pods that answer",
            )
        during = transitions.candidates(made.entries) if len(reached) > 1 else []
        head = {"name": "trial", **trial.head, "during": during}
        trial.write(writer.scenario(head, planned[: len(reached)], nothing(len(reached)), ()))
        during, cut = transitions.confirmed(load_scenario(trial.file), during)
    senders = {str(entry.fields["from"]) for entry in made.entries}
    needed = tuple(client for client in candidates if str(client) in senders)
    layout = Layout.beside(file, sources, needed)
    inside = [client.namespace for client in needed if client.namespace == moving]
    planned = stages.written(sources, inside, by_namespace=by_namespace)[: len(reached)]
    notes = [*_notes(sources, candidates, needed), *_left_out(sources, made, problem)]
    notes += [f"Not asked during transitions, since the model foresees a failure: {why}" for why in cut]
    head = {"name": f"{file.stem} moves from Istio to Linkerd", **layout.head}
    head |= {"during": during} if during else {}
    layout.write(writer.scenario(head, planned, made, notes))
    return _summary(layout, problem)


def _estate(sources: Sources, first: Reached, candidates: tuple[Workload, Workload]) -> Estate:
    provider = first.ground.provider
    assert isinstance(provider, ModelProvider)
    originals = {resource.key: resource for resource in sources.objects}
    return Estate(provider.state, frozenset(workloads(first.ground.apps)), *candidates, originals)


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


def _left_out(sources: Sources, made: Suggestion, problem: HarnessError | None) -> Iterator[str]:
    if problem is not None:
        yield f"The stages end here: {problem.brief}"
    yield from (" ".join(str(each).split()) for each in sources.undecided)
    reasons = [*sources.left_out, *made.left_out]
    yield from (f"Left out: {' '.join(reason.split())}" for reason in reasons)


def _summary(layout: Layout, problem: HarnessError | None) -> str:
    """What was written, after it was run: raises InputError if an expectation doesn't pass."""
    scenario = load_scenario(layout.file)
    runner = Runner(scenario, ModelProvider())
    failed = [
        f"{stage.name}::{check.name}: {verdict.result}, {verdict.seen}"
        for stage in scenario.stages
        for check in stage.checks
        if (verdict := runner.judge(stage, check)).result is not Result.PASS
    ]
    if failed:
        raise InputError(
            "what was written doesn't pass", where=str(layout.file), why="; ".join(failed), todo="report it"
        )
    checks = sum(len(stage.checks) for stage in scenario.stages)
    files = "".join(f"{file}\n" for file in (layout.file, *layout.manifests))
    unreached = f"\nnot all stages: {problem.what}" if problem else ""
    names = ", ".join(sorted(scenario.undecided))
    left_out = f"\nnot decided, and so not proven: {names}" if names else ""
    passed = f"{len(scenario.stages)} stages, {checks} expectations, all pass on the model"
    return f"{files}{passed}{left_out}{unreached}\n"

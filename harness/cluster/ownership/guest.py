"""Objects in a cluster that is someone else's: what is the harness's own there bears its run's label."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.base import StageError
from harness.cluster.api import NAMESPACES
from harness.cluster.objects.apply import Applier
from harness.cluster.ownership.ownership import MANAGED_BY, MANAGER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from harness.base import Resource
    from harness.cluster.api import Client, Deadline, Discovery, Json
    from harness.cluster.objects.apply import Marks
    from harness.manifests.patching import Patch

RUN = f"{MANAGER}/run"
"""The label of what a run made."""
GUEST = f"{MANAGER}/guest"
"""The label of a namespace of someone else's that a run works in."""
BEFORE = f"{MANAGER}/before"
"""The annotation of such a namespace that keeps the labels and annotations which the run changed (JSON)."""

_WHOLE_CLUSTER = "it belongs to the whole cluster, which is someone else's"
_ELSEWHERE = "do it yourself, or run the scenario with --harness-provider kind"


class Guest(Applier):
    """Makes objects only in namespaces that it may use, and overwrites and deletes only its own.

    A field that someone else has set to another value is refused by the API itself, as a conflict.
    """

    def __init__(self, client: Client, discovery: Discovery, run: str, journal: Path) -> None:
        """`journal` is the file that keeps what patched objects were like, should the run be killed."""
        super().__init__(client, discovery, {**MANAGED_BY, RUN: run})
        self._run = run
        self._journal = journal
        self._admitted: set[str] = set()

    def admit(self, namespace: str) -> None:
        """Lets the run work in a namespace of someone else's, because the scenario names it."""
        self._admitted.add(namespace)

    def admits(self, namespace: str) -> bool:
        return namespace in self._admitted

    def make_namespace(self, name: str, deadline: Deadline) -> bool:
        """Makes a namespace, and returns whether it is the run's own.

        Raises StageError for one of someone else's that the scenario doesn't place, or of another run's.
        """
        if super().make_namespace(name, deadline):
            self.admit(name)
            return True
        labels = Metadata.live(self._client.get(NAMESPACES.path("", name))).labels
        other = labels.get(RUN) or labels.get(GUEST) or self._run
        if other != self._run:
            raise StageError(
                f"namespace {name} is in use by another run of the harness ({other})",
                todo="wait for it to end; what a dead one left goes with: harness clean",
            )
        self._refuse_foreign(name)
        return False

    def mark(self, namespace: str, labels: Marks, annotations: Marks) -> None:
        """Sets labels and annotations of a Namespace; someone else's keeps what was there before."""
        live = self._client.get(NAMESPACES.path("", namespace))
        if not self.owns(live):
            now = _marks(live)
            kept = json.loads(now[1].get(BEFORE) or "[{}, {}]")
            before = [
                {key: part.get(key) for key in marks} | earlier
                for part, marks, earlier in zip(now, (labels, annotations), kept, strict=True)
            ]
            labels = {**labels, GUEST: self._run}
            annotations = {**annotations, BEFORE: json.dumps(before)}
        super().mark(namespace, labels, annotations)

    def unmark(self, namespace: str) -> bool:
        """Makes a Namespace of someone else's what it was before the run; returns whether it had changed."""
        now = _marks(self._client.get(NAMESPACES.path("", namespace)))
        if BEFORE not in now[1]:
            return False
        before = labels, annotations = json.loads(now[1][BEFORE])
        super().mark(namespace, {**labels, GUEST: None}, {**annotations, BEFORE: None})
        return any(
            part.get(key) != value
            for part, marks in zip(now, before, strict=True)
            for key, value in marks.items()
        )

    def patch(self, patch: Patch) -> bool:
        """Patches an object in a namespace that the run may use; what it was like is written down before."""
        name = patch.target
        self._refuse_foreign(name.namespace)
        path = self._discovery.named(name).path(name.namespace, name.name)
        live = self._client.find(path)
        if live is not None and path not in self._patched:
            self._journal.write_text(json.dumps({**self._patched, path: live}))
        return super().patch(patch)

    def restore(self) -> set[str]:
        """Makes patched objects what they were; then nothing is left for another run to put back."""
        namespaces = super().restore()
        self._journal.unlink(missing_ok=True)
        return namespaces

    def owns(self, live: Json) -> bool:
        """Whether an object bears the run's label."""
        return Metadata.live(live).labels.get(RUN) == self._run

    def recall(self) -> None:
        """Takes over from the journal what a killed run patched, for `restore`."""
        if self._journal.is_file():
            self._patched |= json.loads(self._journal.read_text())

    def _refuse_foreign(self, namespace: str) -> None:
        if not self.admits(namespace):
            name_it = f"name it in a stage (mesh: {{{namespace}: none}}), or use another namespace"
            raise StageError(
                f"namespace {namespace} is someone else's" if namespace else _WHOLE_CLUSTER,
                why="only namespaces that the run makes, or that the scenario places, are touched here",
                todo=name_it if namespace else _ELSEWHERE,
            )

    def delete(self, resources: Iterable[Resource], deadline: Deadline) -> None:
        """Deletes objects of the run's own; raises StageError for those of someone else."""
        listed = list(resources)
        for resource in listed:
            live = self._find(resource)
            if live is not None and not self.owns(live):
                raise StageError(
                    f"{resource} isn't deleted: it is someone else's",
                    where=resource.place(),
                    why=f"it lacks the label {RUN}={self._run}",
                    todo="delete it yourself, or leave it out of `remove`",
                )
        super().delete(listed, deadline)

    def delete_namespaces(self, names: Sequence[str], deadline: Deadline) -> None:
        """Deletes namespaces of the run's own, and leaves others alone."""
        there = {name: self._client.find(NAMESPACES.path("", name)) for name in names}
        mine = [name for name, live in there.items() if live and self.owns(live)]
        super().delete_namespaces(mine, deadline)

    def _claim(self, resource: Resource) -> tuple[Json, bool]:
        endpoint = self._discovery.endpoint(resource.api_version, resource.kind)
        if not endpoint.namespaced and resource.kind != "Namespace":
            raise StageError(
                f"{resource} isn't made: {_WHOLE_CLUSTER}", where=resource.place(), todo=_ELSEWHERE
            )
        live = self._find(resource)
        if live is not None and not self.owns(live):
            return resource.data, False
        labels = {**self.labels, **Metadata.live(resource.data).labels}  # a manager that it names stays
        return {**resource.data, "metadata": {**resource.data["metadata"], "labels": labels}}, True

    def _find(self, resource: Resource) -> Json | None:
        return self._client.find(self._discovery.path(resource))


def _marks(namespace: Json) -> tuple[Mapping[str, str], Mapping[str, str]]:
    metadata = Metadata.live(namespace)
    return metadata.labels, metadata.annotations

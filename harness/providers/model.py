"""`model`: the ground that needs no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import HarnessError, StageError
from harness.model import Refused, State
from harness.model.decide import unguarded
from harness.model.objects import annotations_of, labels_of
from harness.providers.base import Basis, Pod

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from harness.providers.base import Proxy
    from harness.resources import Resource
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.vocabulary import Mesh, Workload


class ModelProvider:
    """Predicts what a cluster would answer; holds the state that the model decides on.

    Raises NotModelledError for what the model doesn't understand, StageError for an object that
    the API would refuse.
    """

    name = "model"
    basis = Basis.PREDICTED

    def __init__(self) -> None:
        self.state = State()

    def preflight(self) -> None:
        """Finds nothing missing: the model needs nothing."""

    def require(self, resources: Iterable[Resource]) -> None:
        """Finds nothing missing: the model runs no image."""

    def lacking(self, mesh: Mesh) -> str | None:
        return None

    def deploy(self, apps: Sequence[Resource]) -> None:
        declared = {one.name for one in apps if one.kind == "Namespace"}
        namespaces = dict.fromkeys(one.namespace for one in apps if one.namespace)
        for namespace in namespaces:
            if namespace not in declared:
                self.state = self.state.mark(namespace)
        first = [one for one in apps if one.kind == "Namespace"]
        self._apply([*first, *(one for one in apps if one.kind != "Namespace")])

    def install(self, mesh: Mesh) -> None:
        self.state = self.state.install(mesh)

    def uninstall(self, mesh: Mesh) -> None:
        self.state = self.state.uninstall(mesh)

    def place(self, namespace: str, meshes: Collection[Mesh]) -> None:
        """Asks these meshes to inject; restarts, unless they were asked before and pods are so."""
        asked = _asked(self.state, namespace)
        self.state = self.state.place(namespace, meshes)
        anew = self.state.restart(namespace)
        if asked != _asked(anew, namespace) or _proxies(self.state) != _proxies(anew):
            self.state = anew

    def apply(self, resources: Sequence[Resource]) -> None:
        self._apply(resources)

    def remove(self, resources: Sequence[Resource]) -> None:
        """Deletes objects; of a Namespace only the labels and annotations that the object sets."""
        namespaces = [one for one in resources if one.kind == "Namespace"]
        for namespace in namespaces:
            labels, annotations = labels_of(namespace), annotations_of(namespace)
            self.state = self.state.mark(namespace.name, dict.fromkeys(labels), dict.fromkeys(annotations))
        self.state = self.state.remove(one for one in resources if one not in namespaces)

    def restart(self, namespace: str) -> None:
        self.state = self.state.restart(namespace)

    def refusal(self, resource: Resource) -> str | None:
        try:
            self.state.apply([resource])
        except Refused as refused:
            return refused.what
        return None

    def send(self, request: Request, count: int, *, witness: bool = False) -> Outcomes:
        """Returns the exact distribution for one request; `count` and `witness` change nothing."""
        return self.state.decide(request)

    def control(self, request: Request) -> str:
        outcomes = unguarded(self.state, request)
        answers = [g.outcome for g in outcomes.groups if g.outcome.status] if outcomes else []
        if not answers:
            raise HarnessError(
                f"nothing answers behind {request.url}",
                why="there is no such Service or port, it selects no running pod, or none listens there",
                todo="check the Service's name, ports and selector",
            )
        told = ", ".join(sorted({str(outcome) for outcome in answers}))
        return f"without any policy {request.url} gives {told} (the model)"

    def pods(self, workload: Workload) -> tuple[Pod, ...]:
        return tuple(Pod(pod.name, pod.proxies, pod.skipped) for pod in self.state.pods_of(workload))

    def clear(self) -> None:
        self.state = State()

    def close(self) -> None:
        self.state = State()

    def _apply(self, resources: Iterable[Resource]) -> None:
        try:
            self.state = self.state.apply(resources)
        except Refused as refused:
            raise StageError(
                refused.what, where=refused.where, why=refused.why or "the API refuses it", todo=refused.todo
            ) from refused


def _asked(state: State, namespace: str) -> tuple[str | None, str | None]:
    """What a Namespace says of each mesh's injection."""
    found = state.get("", "Namespace", "", namespace)
    if found is None:
        return (None, None)
    return labels_of(found).get("istio-injection"), annotations_of(found).get("linkerd.io/inject")


def _proxies(state: State) -> list[tuple[str, tuple[Proxy, ...]]]:
    return [(pod.name, pod.proxies) for pod in state.pods]

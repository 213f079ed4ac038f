"""`model`: the ground that needs no cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.errors import HarnessError, NotModelledError, StageError
from harness.model import Refused, State
from harness.model.kubernetes import endpoints, resolve, service_port
from harness.providers.base import Basis, Pod
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from harness.resources import Resource
    from harness.traffic.outcomes import Outcomes
    from harness.traffic.request import Request
    from harness.vocabulary import Workload


class ModelProvider:
    """Predicts what a cluster would answer; holds the state that the model decides on.

    Raises NotModelledError for what the model doesn't understand, StageError for an object that
    the API would refuse.
    """

    name = "model"
    basis = Basis.PREDICTED

    def __init__(self) -> None:
        self.state = State()

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
        enabled = "enabled"
        labels = {"istio-injection": enabled if Mesh.ISTIO in meshes else None}
        annotations = {"linkerd.io/inject": enabled if Mesh.LINKERD in meshes else None}
        self.state = self.state.mark(namespace, labels, annotations).restart(namespace)

    def apply(self, resources: Sequence[Resource]) -> None:
        self._apply(resources)

    def remove(self, resources: Sequence[Resource]) -> None:
        self.state = self.state.remove(resources)

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
        pods = self.state.pods_of(request.source)
        service = resolve(self.state, request.host, request.source.namespace) if pods else None
        port = service_port(service, request.port) if service else None
        found = endpoints(self.state, port) if port else ()
        if service is None or not found:
            raise HarnessError(
                f"nothing stands behind {request.url}",
                why="there is no such Service or port, or it selects no running pod",
                todo="check the Service's name, ports and selector",
            )
        names = ", ".join(sorted({str(endpoint.pod.workload) for endpoint in found}))
        return f"{service} has ready pods of {names} on port {found[0].port} (the model)"

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


__all__ = ["ModelProvider", "NotModelledError"]

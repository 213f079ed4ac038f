"""What moves on its own in a migration: namespaces that are in the mesh, and the gateways into it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from harness.analysis.translate.estate import Estate
from harness.analysis.translate.staying import INGRESS
from harness.api import marks
from harness.api.istio.gateway import IstioGateway
from harness.api.kubernetes.metadata import labels_of
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.api.kubernetes.workload import is_workload
from harness.base.vocabulary import PLATFORM, ROOT_NAMESPACE, Mesh, Workload
from harness.model.changes.loading import load_objects
from harness.model.leniency import Leniency
from harness.model.state.tables import LabelTable, grouped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod

_DEFAULT_GATEWAY = f"{ROOT_NAMESPACE}/istio-ingressgateway"
_STATE_GROUPS = ("", "apps", "admissionregistration.k8s.io")


@dataclass(frozen=True, eq=False)
class Places:
    """The places of an estate: names of namespaces, and of gateways (`namespace/name` of the workload).

    `assumed` tells that nothing says which namespaces are in a mesh: all that have workloads are taken to be.
    """

    state: State
    estate: Estate
    assumed: bool

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> Places:
        """Returns the places of these objects. Raises InputError for objects that aren't whole."""
        resources = tuple(resources)
        state = load_objects([filter(_is_of_state, resources)], frozenset(Mesh), leniency=Leniency())
        namespaces = (resource for resource in resources if resource.kind == "Namespace")
        ambient = any(marks.ISTIO_AMBIENT in labels_of(namespace) for namespace in namespaces)
        meshed = ambient or any(
            pod.mesh and not pod.gateway for pod in state.pods if pod.namespace not in PLATFORM
        )
        return cls(state, Estate(resources), not meshed)

    @cached_property
    def meshes(self) -> dict[str, Mesh]:
        """The mesh of each namespace and of each gateway in use; Istio's, if any of its pods is in it."""
        meshes = dict.fromkeys(self._gateways, Mesh.ISTIO)
        for place, pods in self.pods.items():
            meshes[place] = Mesh.ISTIO if Mesh.ISTIO in map(self._mesh, pods) else Mesh.LINKERD
        return dict(sorted(meshes.items()))

    @cached_property
    def pods(self) -> dict[str, list[Pod]]:
        """The pods that are in a mesh, by their place."""
        return grouped((self._place(pod), pod) for pod in self.state.pods if self._mesh(pod))

    @cached_property
    def _by_labels(self) -> LabelTable[Pod]:
        return LabelTable((pod.namespace, pod.labels, pod) for pod in self.state.pods)

    def is_gateway(self, place: str) -> bool:
        """Returns whether a place is a gateway."""
        return "/" in place

    def of_workload(self, workload: Workload) -> str | None:
        """Returns the place of a workload whose pods are in a mesh."""
        pods = self.state.pods_of(workload)
        return self._place(pods[0]) if pods and self._mesh(pods[0]) else None

    def of_service(self, service: Resource) -> str | None:
        """Returns the place of the pods that a Service selects, if they are in a mesh."""
        return next((self._place(pod) for pod in self.pods_of(service)), None)

    def pods_of(self, service: Resource) -> list[Pod]:
        """Returns the pods in a mesh that a Service selects, ready or not."""
        selector = Service.kept(service).selector
        pods = self._by_labels.selected(service.namespace, selector) if selector else []
        return [pod for pod in pods if self._mesh(pod)]

    def of_namespace(self, namespace: str) -> str | None:
        """Returns a namespace that is in a mesh."""
        return namespace if namespace in self.meshes else None

    def of_account(self, namespace: str, account: str) -> str | None:
        """Returns the place of the workloads that run as a service account (empty: any) of a namespace."""
        for pod in self.state.pods:
            if pod.namespace == namespace and account in ("", pod.service_account) and self._mesh(pod):
                return self._place(pod)
        return None if account else self.of_namespace(namespace)

    def gateways_of(self, name: str) -> tuple[str, ...]:
        """Returns the gateway workloads that a Gateway (`namespace/name`) of Istio's selects."""
        return tuple(place for place, gateways in self._gateways.items() if name in gateways)

    @cached_property
    def _gateways(self) -> dict[str, set[str]]:
        """The Gateways that select pods, by the workload; the default one's needn't be among the objects."""
        gateways: defaultdict[str, set[str]] = defaultdict(set)
        for gateway in self.estate.all(*IstioGateway.KIND):
            selector = IstioGateway.of(gateway).selector
            selected = {str(pod.workload) for pod in self.state.pods if selects(selector, pod.labels)}
            if not selected and selector == INGRESS:
                selected = {_DEFAULT_GATEWAY}
            for place in sorted(selected) if selector else ():
                gateways[place].add(f"{gateway.namespace}/{gateway.name}")
        return gateways

    def _place(self, pod: Pod) -> str:
        return str(pod.workload) if str(pod.workload) in self._gateways else pod.namespace

    def _mesh(self, pod: Pod) -> Mesh | None:
        if str(pod.workload) in self._gateways:
            return pod.mesh or Mesh.ISTIO
        if pod.outside or pod.gateway or pod.namespace in PLATFORM:
            return None
        if pod.mesh:
            return pod.mesh
        namespace = self.estate.namespaces.get(pod.namespace)
        ambient = namespace is not None and labels_of(namespace).get(marks.ISTIO_AMBIENT) == "ambient"
        return Mesh.ISTIO if ambient or self.assumed else None


def _is_of_state(resource: Resource) -> bool:
    return resource.group in _STATE_GROUPS or is_workload(resource) or resource.kind == "PeerAuthentication"

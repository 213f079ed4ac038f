"""The state of a cluster: its objects as they are kept, the meshes installed, and the pods that run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from harness.api.istio import ingress
from harness.api.istio.mesh_config import KEY
from harness.api.kubernetes.ingress import Ingress, IngressClass
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.pod import Container, KubeletProbe, NamedPorts, Resolver, port_of
from harness.api.kubernetes.workload import is_workload
from harness.api.schema import foreign
from harness.api.served import NOTHING, Served
from harness.base.resources import Resource
from harness.base.vocabulary import Mesh, Workload
from harness.model.state.undecided import Undecided
from harness.traffic.outside import NOTHING_KNOWN, Outside

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.traffic.observables import Proxy


@dataclass(frozen=True)
class RunningContainer:
    """A container: its image, plain env, named ports, the kubelet's probes, arguments, and all ports."""

    name: str
    image: str
    env: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    probes: tuple[KubeletProbe, ...] = ()
    args: tuple[str, ...] = ()
    exposed: tuple[int, ...] = ()

    @classmethod
    def of(cls, container: Container) -> RunningContainer:
        """Returns a container as a pod's spec has it."""
        return cls(
            container.name,
            container.image,
            container.variables,
            container.named_ports,
            tuple(container.probes()),
            container.args,
            tuple(port.number for port in container.ports),
        )

    @property
    def repository(self) -> str:
        """The image's name without registry default, tag and digest."""
        name = self.image.partition("@")[0]
        stem, _, tag = name.rpartition(":")
        name = stem if stem and "/" not in tag else name
        return name.removeprefix("docker.io/").removeprefix("library/")


@dataclass(frozen=True)
class Pod:
    """A running pod; `annotations` are its own, completed by those its namespace had at its start.

    `gateway` is the mesh as whose gateway it runs. `ip` is empty where it isn't known: a dump tells it, with
    all `addresses` of its own and of its `node`, on which `node_ports` lead to ports of its own.
    `hostname` and `subdomain` name a pod below a headless Service. `identities` are those by which each mesh
    knows it, in the trust domain of its start. `tunnel` is the port on which its proxy takes what its mesh's
    other proxies send, where that isn't the port that is meant. A place outside of the cluster is a pod, too,
    where it is an endpoint of a Service: one without namespace, whose name is its address (`outside`); and so
    is a `machine` outside that runs a mesh's proxy, named after the object that it is known by.
    """

    name: str
    workload: Workload
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    service_account: str
    containers: tuple[RunningContainer, ...]
    proxies: tuple[Proxy, ...] = ()
    skipped: tuple[tuple[Mesh, str], ...] = ()
    gateway: Mesh | None = None
    ip: str = ""
    ready: bool = True
    host_network: bool = False
    hostname: str = ""
    subdomain: str = ""
    resolver: Resolver = field(default_factory=Resolver)
    named_ports: NamedPorts = field(default_factory=dict)
    identities: Mapping[Mesh, str] = field(default_factory=dict)
    tunnel: int | None = None
    addresses: tuple[str, ...] = ()
    node_addresses: tuple[str, ...] = ()
    node_ports: Mapping[int, int] = field(default_factory=dict)
    node: str = ""
    machine: bool = False

    @classmethod
    def at(cls, address: str) -> Pod:
        """Returns the stand-in for what is at an address outside of the cluster: no labels, no proxies."""
        return cls(address, Workload("", address), {}, {}, "", (), ip=address)

    @property
    def outside(self) -> bool:
        """Whether this stands for a place outside of the cluster."""
        return not self.workload.namespace

    @property
    def namespace(self) -> str:
        return self.workload.namespace

    @property
    def mesh(self) -> Mesh | None:
        """The mesh whose proxy intercepts the pod's traffic, if any."""
        return self.proxies[0].mesh if self.proxies else None

    def port(self, target: int | str, protocol: str = "TCP") -> int | None:
        """Returns the number of a target port, which may be a container port's name."""
        return port_of(target, self.named_ports, protocol)

    def probe_paths(self, port: int) -> tuple[str, ...]:
        """Returns the paths that the kubelet's HTTP probes ask for on this port."""
        return tuple(
            probe.path
            for container in self.containers
            for probe in container.probes
            if probe.handler == "httpGet" and probe.port == port
        )


@dataclass(frozen=True)
class State:
    """A cluster's state: a value, of which `harness.model.changes` makes others.

    Pods are snapshots: proxies, labels, annotations and identity are those of the moment they
    were started. A change of a Namespace acts on pods started later, a change of a workload's
    template (or its replicas) starts its pods anew. `clock` counts the changes that objects came by.
    `assumed` is the mesh that namespaces are taken to be in, since nothing says it.
    `left_out` is what a lenient load took away from objects, `outside` what is told of the world around it.
    `lookups` keeps what was derived of the state (see `tables`).
    """

    meshes: frozenset[Mesh] = frozenset()
    served: Served = NOTHING
    objects: Mapping[Key, Stored] = field(default_factory=dict)
    running: Mapping[Workload, tuple[Pod, ...]] = field(default_factory=dict)
    clock: int = 0
    assumed: Mesh | None = None
    left_out: tuple[Undecided, ...] = ()
    outside: Outside = NOTHING_KNOWN
    lookups: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        """All running pods."""
        return tuple(pod for pods in self.running.values() for pod in pods)

    @cached_property
    def undecided(self) -> tuple[Undecided, ...]:
        """What was left out, and the objects of kinds that aren't read and can move traffic."""
        objects = (stored.live for stored in self.objects.values())
        reasons = ((live, self._undecided(live)) for live in objects)
        moving = (
            Undecided(live, reason.field, reason.why, local=(live.group, live.kind) in foreign.LOCAL)
            for live, reason in reasons
            if reason
        )
        return (*self.left_out, *moving)

    def _undecided(self, live: Resource) -> foreign.Reason | None:
        """Why an object isn't decided, if it isn't."""
        if live.key[:2] == Ingress.KIND:
            if Mesh.ISTIO not in self.meshes:
                return foreign.Reason("", ingress.FOREIGN)
            return ingress.undecided(live, self.get(*KEY), self.all(*IngressClass.KIND))
        return foreign.reason(live)

    @cached_property
    def pervasive(self) -> tuple[Undecided, ...]:
        """What of it may count for any request: no trace says for which."""
        return tuple(each for each in self.undecided if not each.local)

    @cached_property
    def workloads(self) -> tuple[Resource, ...]:
        """The objects that pods are made of, older first."""
        objects = (stored.live for stored in sorted(self.objects.values(), key=lambda each: each.age))
        return tuple(filter(is_workload, objects))

    def stored(self, group: str, kind: str) -> tuple[Stored, ...]:
        """Returns the objects of a kind with what is known about them, older first."""
        return tuple(self._by_age.get((group, kind, None), ()))

    def all(self, group: str, kind: str, namespace: str | None = None) -> tuple[Resource, ...]:
        """Returns the objects of a kind (in a namespace, or in all), older first."""
        return tuple(stored.live for stored in self._by_age.get((group, kind, namespace), ()))

    def get(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """Returns an object, or None if there is none."""
        stored = self.objects.get((group, kind, namespace, name))
        return stored.live if stored else None

    def pods_of(self, workload: Workload) -> tuple[Pod, ...]:
        """Returns a workload's running pods, none if there is no such workload."""
        return self.running.get(workload, ())

    @cached_property
    def _by_age(self) -> dict[tuple[str, str, str | None], list[Stored]]:
        """Objects by API group, kind and namespace (None: in all of them), older first."""
        table: dict[tuple[str, str, str | None], list[Stored]] = {}
        for stored in sorted(self.objects.values(), key=lambda stored: stored.age):
            live = stored.live
            for namespace in {None, live.namespace}:
                table.setdefault((live.group, live.kind, namespace), []).append(stored)
        return table


Key = tuple[str, str, str, str]
"""API group, kind, namespace and name of an object."""


class Objects(Protocol):
    """The objects of a cluster and the meshes that are installed in it."""

    @property
    def meshes(self) -> frozenset[Mesh]:
        """The meshes that are installed."""

    @property
    def served(self) -> Served:
        """The kinds that are served beside Kubernetes' own."""

    def get(self, group: str, kind: str, namespace: str, name: str) -> Resource | None:
        """Returns an object, or None if there is none."""

    def all(self, group: str, kind: str, namespace: str | None = None) -> tuple[Resource, ...]:
        """Returns the objects of a kind (in one namespace, or in all)."""


Entries = dict[str, str]


@dataclass(frozen=True)
class Stored:
    """An object in the cluster.

    `created` tells when it was made: the time that a dump knew, if it is from one, and the instant
    at which it was applied (objects applied together share one). `applied` is the
    object as it was last applied, `indexed` the version that Linkerd's index holds, if any: it
    refuses some updates and then keeps the version before.
    """

    live: Resource
    applied: Resource
    created: tuple[str, int]
    indexed: Resource | None = None

    @property
    def age(self) -> tuple[bool, str, int, str, str]:
        """The order in which meshes prefer objects: older (what a dump gave a time) first, then by name."""
        time, instant = self.created
        return (not time, time, instant, self.live.namespace, self.live.name)

    def marked(self, labels: Mapping[str, str | None], annotations: Mapping[str, str | None]) -> Stored:
        """Returns it with labels and annotations set, or removed where None."""
        changed = _changed(labels_of(self.live), labels), _changed(annotations_of(self.live), annotations)
        return replace(self, live=_with(self.live, *changed))

    def keeping_marks(self, applied: Resource) -> Resource:
        """Returns the object after an apply: marks that the last applied manifest didn't set stay."""

        def kept(live: Entries, before: Entries, new: Entries) -> Entries:
            return {key: value for key, value in live.items() if key not in before} | new

        return _with(
            applied,
            kept(labels_of(self.live), labels_of(self.applied), labels_of(applied)),
            kept(annotations_of(self.live), annotations_of(self.applied), annotations_of(applied)),
        )


def namespace_object(name: str) -> Resource:
    """Returns a Namespace as it is without a manifest: with a name alone."""
    data = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    return Resource("v1", "Namespace", "", name, data)


def namespace_labels(namespace: Resource | None, name: str) -> dict[str, str]:
    """Returns a Namespace's labels, with the one that the API server gives to each."""
    return {**(labels_of(namespace) if namespace else {}), "kubernetes.io/metadata.name": name}


def _with(resource: Resource, labels: Entries, annotations: Entries) -> Resource:
    metadata: dict[str, Any] = {
        **(resource.data.get("metadata") or {}),
        "labels": labels,
        "annotations": annotations,
    }
    return replace(resource, data={**resource.data, "metadata": metadata})


def _changed(entries: Entries, changes: Mapping[str, str | None]) -> Entries:
    merged: dict[str, str | None] = {**entries, **changes}
    return {key: value for key, value in merged.items() if value is not None}

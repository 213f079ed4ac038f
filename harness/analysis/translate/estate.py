"""What a translation knows of the estate: its Services, workloads and namespaces."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any

from harness.api import flagger
from harness.api.istio.gateway import runs_gateway
from harness.api.istio.hosts import full_host
from harness.api.istio.mesh_config import KEY, MeshConfig
from harness.api.istio.virtual_service import VirtualService
from harness.api.kubernetes.pod import port_of
from harness.api.kubernetes.selector import selects
from harness.api.kubernetes.service import Service
from harness.api.kubernetes.workload import PodController, is_workload, template_of
from harness.api.linkerd.linkerd_config import NAME, trust_domain_of
from harness.base.vocabulary import CLUSTER_DOMAIN, LINKERD_NAMESPACE
from harness.model.network.services import ServicePort, service_ports
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.base.resources import Resource


@dataclass(frozen=True)
class Host:
    """A host name in full, and the Service that it names: None outside of what is known."""

    name: str
    service: Resource | None = None

    @property
    def inside(self) -> bool:
        """Whether it is a name of the cluster's own."""
        return self.name.endswith(f".svc.{CLUSTER_DOMAIN}")

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name of a Service of the cluster, known or not."""
        name, namespace, *_ = self.name.split(".")
        return namespace, name


@dataclass(frozen=True)
class PodPort:
    """A port that a workload's pods serve: protocol `opaque` where a Service says that it isn't HTTP."""

    number: int
    opaque: bool = False


@dataclass(frozen=True, eq=False)
class Deployed:
    """A workload object with what its pods show to policies."""

    resource: Resource
    labels: Mapping[str, str]
    selector: Mapping[str, Any]
    ports: tuple[PodPort, ...]
    probes: tuple[tuple[int, str], ...]
    is_gateway: bool
    """Whether its pods are a gateway of Istio's, which goes on judging requests itself."""


@dataclass(frozen=True)
class Estate:
    """All objects that a translation may look at."""

    resources: tuple[Resource, ...]

    @cached_property
    def keys(self) -> frozenset[tuple[str, str, str, str]]:
        """The identities of all objects."""
        return frozenset(resource.key for resource in self.resources)

    @cached_property
    def _by_kind(self) -> dict[tuple[str, str], list[Resource]]:
        ordered = sorted(self.resources, key=_age)
        return grouped(((resource.group, resource.kind), resource) for resource in ordered)

    def all(self, group: str, kind: str) -> Sequence[Resource]:
        """Returns the objects of a kind, older first, then by namespace and name."""
        return self._by_kind.get((group, kind), ())

    @cached_property
    def services(self) -> dict[tuple[str, str], Resource]:
        """The Services by namespace and name, and those that Flagger makes."""
        made = (flagger.services(canary, self.resources) for canary in self.all(*flagger.CANARY))
        services = (*chain.from_iterable(made), *self.all("", "Service"))
        return {(service.namespace, service.name): service for service in services}

    @cached_property
    def virtual_services(self) -> dict[tuple[str, str], Resource]:
        """The VirtualServices by namespace and name."""
        return {(resource.namespace, resource.name): resource for resource in self.all(*VirtualService.KIND)}

    @cached_property
    def namespaces(self) -> dict[str, Resource]:
        """The Namespaces that are declared, by name."""
        return {namespace.name: namespace for namespace in self.all("", "Namespace")}

    @cached_property
    def deployed(self) -> dict[str, list[Deployed]]:
        """The workloads of each namespace."""
        resources = sorted(filter(is_workload, self.resources), key=_age)
        return grouped((resource.namespace, self._deployed(resource)) for resource in resources)

    @property
    def workloads(self) -> Iterator[Deployed]:
        """All workloads."""
        return chain.from_iterable(self.deployed.values())

    def has_gateway(self, namespace: str, labels: Mapping[str, str]) -> bool:
        """Returns whether a workload is among them that is a gateway of Istio's and has these labels."""
        return any(
            workload.is_gateway and selects(labels, workload.labels)
            for workload in self.deployed.get(namespace, ())
        )

    @cached_property
    def identities(self) -> frozenset[tuple[str, str]]:
        """The service accounts, by namespace and name: those that exist, and those that workloads run as."""
        declared = {(account.namespace, account.name) for account in self.all("", "ServiceAccount")}
        running = (workload.resource for workload in self.workloads)
        used = {(owner.namespace, template_of(owner).spec.service_account) for owner in running}
        return frozenset(declared | used)

    def host(self, name: str, namespace: str) -> Host:
        """Returns what a host means in an object of this namespace [Istio: short names are local]."""
        name = full_host(name, namespace)
        parts = name.split(".")
        if len(parts) > 2 and ".".join(parts[2:]) == f"svc.{CLUSTER_DOMAIN}":
            return Host(name, self.services.get((parts[1], parts[0])))
        return Host(name)

    def _config_map(self, namespace: str, name: str) -> Resource | None:
        maps = self.all("", "ConfigMap")
        return next((config for config in maps if (config.namespace, config.name) == (namespace, name)), None)

    @cached_property
    def mesh_config_map(self) -> Resource | None:
        """The ConfigMap that holds Istio's MeshConfig, if it is among the objects."""
        return self._config_map(*KEY[2:])

    @cached_property
    def mesh_config(self) -> MeshConfig:
        """Istio's MeshConfig, the default one if it isn't among the objects; InputError if it isn't YAML."""
        return MeshConfig.of(self.mesh_config_map)

    @cached_property
    def linkerd_trust_domain(self) -> str:
        """Linkerd's trust domain: its settings' if they are among the objects, else the default one."""
        return trust_domain_of(self.linkerd_config_map)

    @cached_property
    def linkerd_config_map(self) -> Resource | None:
        """The ConfigMap that holds Linkerd's settings, if it is among the objects."""
        return self._config_map(LINKERD_NAMESPACE, NAME)

    @cached_property
    def _services_by_label(self) -> dict[tuple[str, str, str], list[Resource]]:
        """The Services that select pods, each under its namespace and the first label that it wants."""
        return grouped(
            ((service.namespace, key, value), service)
            for service in self.services.values()
            for key, value in list(Service.kept(service).selector.items())[:1]
        )

    def _services_of(self, namespace: str, labels: Mapping[str, str]) -> Iterator[Resource]:
        for key, value in labels.items():
            for service in self._services_by_label.get((namespace, key, value), ()):
                if selects(Service.kept(service).selector, labels):
                    yield service

    def _deployed(self, resource: Resource) -> Deployed:
        template = template_of(resource)
        labels, containers = template.metadata.labels, template.spec.lasting
        named = template.spec.named_ports
        opaque = {port.number: False for container in containers for port in container.ports}
        for service in self._services_of(resource.namespace, labels):
            for port in service_ports(service):
                target = port_of(port.target, named)
                if target is not None:
                    opaque[target] = port.protocol == "tcp"
        probes = (
            (probe.port, probe.path.partition("?")[0])
            for container in containers
            for probe in container.probes()
            if probe.handler == "httpGet" and probe.port is not None
        )
        chosen = PodController.of(resource).selector if resource.kind != "Pod" else None
        return Deployed(
            resource,
            labels,
            chosen.data if chosen else {"matchLabels": labels},
            tuple(PodPort(number, is_opaque) for number, is_opaque in sorted(opaque.items())),
            tuple(dict.fromkeys(probes)),
            labels.get("istio") in ("ingressgateway", "egressgateway") or runs_gateway(template),
        )


def routable(port: ServicePort) -> bool:
    """Returns whether HTTP routes act on a port: it says HTTP, or doesn't say otherwise."""
    return port.protocol != "tcp"


def _age(resource: Resource) -> tuple[bool, str, str, str]:
    return (not resource.created, resource.created, resource.namespace, resource.name)

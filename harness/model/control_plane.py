"""What a mesh's control plane does in a cluster: which objects it brings, refuses and makes, and injection.

`ControlPlane` has what holds unless a mesh's own says else; `planes` has the table of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from harness.api.kubernetes.definition import MUTATING, MutatingWebhookConfiguration
from harness.api.node import live
from harness.manifests.documents import Loader
from harness.model.state import namespace_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.kubernetes.definition import MutatingWebhook
    from harness.api.kubernetes.metadata import Metadata
    from harness.api.kubernetes.pod import PodSpec, PodTemplate
    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh
    from harness.model.state import Objects, State, Undecided
    from harness.traffic.observables import Proxy
    from harness.traffic.status import Status


@dataclass(frozen=True)
class Candidate:
    """Pods about to start among a cluster's objects, as injectors see them.

    `present` are the proxies that they have so far.
    """

    objects: Objects
    workload: Resource
    namespace: Resource
    metadata: Metadata
    spec: PodSpec
    present: Mapping[Mesh, Proxy]


class ControlPlane(ABC):
    """A mesh's control plane, as its default installation is: what `MESH/installation.yaml` has."""

    mesh: Mesh

    injector: str
    """How the names of its injecting webhooks end."""

    inherited: tuple[str, ...] = ()
    """How annotations begin that pods have of their namespace."""

    tunnel: int | None = None
    """The port on which its proxies take what its others send, if it isn't the one that is meant."""

    @cached_property
    def _installation(self) -> tuple[Resource, ...]:
        file = Path(__file__).parent / self.mesh / "installation.yaml"
        return tuple(map(live, yaml.load_all(file.read_text(), Loader)))

    @cached_property
    def installed(self) -> tuple[Resource, ...]:
        """The objects that its installation makes, as far as requests notice them, without webhooks."""
        return tuple(resource for resource in self._installation if resource.kind != MUTATING[1])

    @cached_property
    def _webhooks(self) -> tuple[MutatingWebhook, ...]:
        (installed,) = (resource for resource in self._installation if resource.kind == MUTATING[1])
        return MutatingWebhookConfiguration.of(installed).webhooks

    def is_asked(self, candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> bool:
        """Returns whether its injector is asked about pods: by the cluster's webhooks, else by its own."""
        namespace: Mapping[str, str] = namespace_labels(candidate.namespace, candidate.namespace.name)
        pods: Mapping[str, str] = candidate.metadata.labels
        if not webhooks:
            namespace, pods = self.seen_by_own(candidate, namespace), self.seen_by_own(candidate, pods)
        return any(
            webhook.namespaces.selects(namespace) and webhook.objects.selects(pods)
            for webhook in webhooks or self._webhooks
        )

    def seen_by_own(self, candidate: Candidate, labels: Mapping[str, str]) -> Mapping[str, str]:
        """Returns labels as the webhooks of a default installation see them, for want of the real ones."""
        return labels

    def beside(self, resources: Iterable[Resource]) -> Iterable[Resource]:
        """Returns what its installation has beside, or otherwise than, the default one's, as objects ask."""
        return ()

    def brought(self, resource: Resource) -> bool:
        """Returns whether its installer made an object: a part of what the model takes for the mesh."""
        return False

    def implements(self, resource: Resource) -> bool:
        """Returns whether an object of no mesh's API, unchecked yet, is written for it and no other."""
        return False

    @abstractmethod
    def validate(self, resource: Resource) -> None:
        """Raises Refused where its webhook refuses an object of its own kinds, or of the Gateway API's."""

    def indexes(self, resource: Resource) -> bool:
        """Returns whether its index takes this version of an object in; else it keeps the version before."""
        return True

    def deployed(self, objects: Objects, gateway: Resource) -> Iterable[Resource]:
        """Returns the objects that it makes, or changes, for a Gateway of the Gateway API."""
        return ()

    def reports(self, state: State, resource: Resource) -> Iterable[Status]:
        """Returns what it reports in an object's status."""
        return ()

    def check_marks(  # noqa: B027  # most ask for nothing that isn't modelled
        self, owner: Resource, labels: Mapping[str, str], annotations: Mapping[str, str], *, installed: bool
    ) -> None:
        """Raises NotModelledError for what marks of pods, their namespace or a Service ask of its proxies."""

    def check_settings(self, resource: Resource) -> None:  # noqa: B027  # most read none that aren't modelled
        """Raises NotModelledError for a setting of its installation, in this object, that isn't modelled."""

    def unsure(self, resources: Iterable[Resource]) -> Iterable[Undecided]:
        """Returns what counts only if the mesh holds pods otherwise than by sidecars."""
        return ()

    @abstractmethod
    def inject(self, candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | str | None:
        """Returns the proxy that its injector puts in, or why it leaves pods alone; None if silently."""

    def is_gateway(self, template: PodTemplate) -> bool:
        """Returns whether pods are its gateways: injected as such, deployed for a Gateway, or by hand."""
        return False

    @abstractmethod
    def identity(self, objects: Objects, namespace: str, account: str) -> str:
        """Returns the identity of a ServiceAccount's pods that start now."""

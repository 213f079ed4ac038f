"""Kubernetes objects as read from the user's files, and what was read of them: neither changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from harness.base.places import NOWHERE, Location, Place

if TYPE_CHECKING:
    from collections.abc import Callable


CLUSTER_SCOPED = frozenset(
    "Namespace Node ComponentStatus PersistentVolume StorageClass VolumeAttachment VolumeAttributesClass "
    "VolumeSnapshotClass VolumeSnapshotContent CSIDriver CSINode PriorityClass RuntimeClass DeviceClass "
    "ResourceSlice ClusterRole ClusterRoleBinding CertificateSigningRequest ClusterTrustBundle "
    "CustomResourceDefinition APIService FlowSchema PriorityLevelConfiguration StorageVersion "
    "MutatingWebhookConfiguration ValidatingWebhookConfiguration MutatingAdmissionPolicy "
    "MutatingAdmissionPolicyBinding ValidatingAdmissionPolicy ValidatingAdmissionPolicyBinding "
    "PodSecurityPolicy SecurityContextConstraints IngressClass GatewayClass IPAddress ServiceCIDR "
    "AdminNetworkPolicy BaselineAdminNetworkPolicy CiliumClusterwideNetworkPolicy ClusterIssuer "
    "ClusterPolicy ClusterSecretStore ClusterExternalSecret ClusterWorkflowTemplate ClusterServingRuntime "
    "ClusterTriggerAuthentication ExternalWorkloadGroup".split()
)
"""Kinds whose objects are in no namespace."""


@lru_cache(maxsize=256)
def _parted(api_version: str) -> tuple[str, str]:
    """Group and version, the same texts for all objects of that version."""
    group, _, version = api_version.rpartition("/")
    return group, version


@dataclass(frozen=True)
class Resource:
    """A Kubernetes object, cleaned of what a cluster adds (status, managedFields, uid…).

    `data` is the whole object as plain dicts and lists: treat it as read-only. `where` is
    what it was read from, `place` says where a field stands in it. `namespace` is empty for
    cluster-scoped kinds. `created` is when a live cluster made it (RFC 3339, in UTC), empty if unknown.
    `lookups` keeps what was read of it (see `per_object`). Two are equal if they say the same, wherever they
    were read and whenever they were made; who means one object, however it changes, asks for `key`.
    """

    api_version: str
    kind: str
    namespace: str
    name: str
    data: dict[str, Any] = field(repr=False, hash=False)
    where: Location = field(default=NOWHERE, compare=False)
    created: str = field(default="", compare=False)
    lookups: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    group: str = field(init=False, repr=False, compare=False)
    """The API group, empty for the core group."""
    version: str = field(init=False, repr=False, compare=False)
    """The API version inside its group."""
    key: tuple[str, str, str, str] = field(init=False, repr=False, compare=False)
    """What identifies the object, whichever version it is written in."""

    def __post_init__(self) -> None:
        group, version = _parted(self.api_version)
        object.__setattr__(self, "group", group)  # all three are asked so often that they stand here
        object.__setattr__(self, "version", version)
        object.__setattr__(self, "key", (group, self.kind, self.namespace, self.name))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "lookups": {}}  # what another process reads of it, it keeps itself

    def place(self, path: str = "") -> Place:
        """Returns the place of a field (empty: of the object), which is looked up when it is printed."""
        return Place(self.where, path, self.data)

    @property
    def home(self) -> str:
        """The namespace that it is, or is in; empty for others of the whole cluster."""
        return self.name if self.kind == "Namespace" else self.namespace

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


@dataclass(frozen=True, order=True)
class ObjectName:
    """An object as a scenario names it: `Kind namespace/name`, of a cluster-scoped kind `Kind name`.

    Where several API groups have the kind, its group says which: `Kind.group namespace/name`.
    """

    kind: str
    namespace: str
    name: str
    group: str | None = None

    @classmethod
    def parse(cls, text: str) -> ObjectName:
        """Reads a name; raises ValueError for anything else."""
        kind, space, path = text.strip().partition(" ")
        namespace, slash, name = path.rpartition("/")
        kind, dot, group = kind.partition(".")
        if not (kind and space and name) or (slash and not namespace) or "/" in namespace or " " in path:
            raise ValueError(f"{text!r} isn't an object: write Kind namespace/name")
        return cls(kind, namespace, name, group if dot else None)

    @classmethod
    def of(cls, resource: Resource) -> ObjectName:
        return cls(resource.kind, resource.namespace, resource.name, resource.group)

    @property
    def home(self) -> str:
        """The namespace that it is, or is in; empty for others of the whole cluster."""
        return self.name if self.kind == "Namespace" else self.namespace

    def names(self, resource: Resource) -> bool:
        """Returns whether it is this object's name."""
        own = (resource.kind, resource.namespace, resource.name)
        return own == (self.kind, self.namespace, self.name) and self.group in (None, resource.group)

    def __str__(self) -> str:
        kind = f"{self.kind}.{self.group}" if self.group else self.kind
        return f"{kind} {self.namespace}/{self.name}" if self.namespace else f"{kind} {self.name}"


Kept = TypeVar("Kept")
Rest = ParamSpec("Rest")


def per_object(
    make: Callable[Concatenate[Resource, Rest], Kept],
) -> Callable[Concatenate[Resource, Rest], Kept]:
    """Keeps what a pure function reads of an object (with these further arguments) with that object."""

    @wraps(make)
    def keeping(resource: Resource, /, *args: Rest.args, **kwargs: Rest.kwargs) -> Kept:
        key = (make, args, *kwargs.items()) if args or kwargs else make
        lookups = resource.lookups
        if key not in lookups:
            lookups[key] = make(resource, *args, **kwargs)
        value: Kept = lookups[key]
        return value

    return keeping

"""References to objects: parents that routes attach to, backends, certificates; and who may refer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.node import Node, Spec

if TYPE_CHECKING:
    from harness.base.resources import Resource


class NamedRef(Node):
    """A reference to an object, without a namespace of its own to one beside the referrer."""

    name = field.text("name")
    written_namespace = field.text("namespace")

    @field.derived
    def namespace(self) -> str:
        """The namespace of what is referred to."""
        return self.written_namespace or self.resource.namespace


class ObjectRef(NamedRef):
    """A reference that says what kind of object it is to."""

    group = field.text("group")
    kind = field.text("kind")


class SecretRef(ObjectRef):
    """A reference to a certificate, in a Secret unless it says otherwise."""

    kind = field.text("kind", "Secret")

    @property
    def is_secret(self) -> bool:
        return (self.group, self.kind) == ("", "Secret")


class ParentRef(NamedRef):
    """What a route wants to attach to; `group` is None where the reference names none."""

    group = field.optional("group")
    kind = field.text("kind", "Gateway")
    port = field.integer("port")
    section = field.text("sectionName")

    def detached(self, parent: Resource, port: int, groups: tuple[str, ...]) -> str | None:
        """Returns why it doesn't attach to a parent's port for a mesh that knows it by these groups.

        Empty if it does attach, None if it isn't about this parent at all.
        """
        if (self.kind, self.namespace, self.name) != (parent.kind, parent.namespace, parent.name):
            return None
        written = f'write group: "{groups[0]}"'
        if self.group is None:
            return f"kind {self.kind} without group means Gateway API's group: no effect ({written})"
        if self.group not in groups:
            return f"group {self.group!r} isn't the {self.kind}'s: no effect ({written})"
        if self.port is not None and self.port != port:
            return f"is for port {self.port}, not {port}"
        return ""


class TargetRef(ObjectRef):
    """What a request is sent or copied to."""

    kind = field.text("kind", "Service")
    port = field.integer("port")

    @property
    def is_service(self) -> bool:
        return self.kind == "Service" and self.group in ("", "core")

    @property
    def is_host(self) -> bool:
        """Whether it is a host name, as Istio's registry knows it."""
        return (self.group, self.kind) == ("networking.istio.io", "Hostname")


class ReferenceGrant(Spec):
    """A permission for each pair: who may refer, and to what (without a name: to all of the kind)."""

    sources = field.nodes("from", ObjectRef)
    targets = field.nodes("to", ObjectRef)

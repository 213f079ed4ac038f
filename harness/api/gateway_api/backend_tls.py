"""BackendTLSPolicy: the TLS that gateways and clients' proxies begin towards backends."""

from __future__ import annotations

from harness.api import field
from harness.api.gateway_api import GROUP
from harness.api.gateway_api.reference import ObjectRef, ParentRef
from harness.api.kubernetes.status import StatusCondition
from harness.api.node import Node, Spec, Status


class PolicyTarget(ObjectRef):
    """What a policy is for: an object, or one port of it by its name."""

    section = field.text("sectionName")


class SubjectAltName(Node):
    """A name that the server's certificate may have."""

    type = field.text("type")
    hostname = field.text("hostname")
    uri = field.text("uri")

    @property
    def name(self) -> str:
        """The name itself."""
        return self.hostname if self.type == "Hostname" else self.uri


class TLSValidation(Node):
    """Which server is meant: the name that TLS asks for, and by whose authority it must be so."""

    hostname = field.text("hostname")
    authorities = field.nodes("caCertificateRefs", ObjectRef)
    well_known = field.text("wellKnownCACertificates")
    subject_alt_names = field.nodes("subjectAltNames", SubjectAltName)


class BackendTLSPolicy(Spec):
    """The TLS towards Services (or ServiceEntries of Istio's) of its namespace."""

    KIND = (GROUP, "BackendTLSPolicy")

    targets = field.nodes("targetRefs", PolicyTarget)
    validation = field.node("validation", TLSValidation)


class AncestorStatus(Node):
    """What one controller says of a policy, for a target or a Gateway with routes to one."""

    controller = field.text("controllerName")
    ancestor = field.node("ancestorRef", ParentRef)
    conditions = field.nodes("conditions", StatusCondition)


class PolicyStatus(Status):
    """What all controllers say of a policy."""

    ancestors = field.nodes("ancestors", AncestorStatus)

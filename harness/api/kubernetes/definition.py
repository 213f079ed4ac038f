"""What extends an API server: definitions of kinds, with their versions, and mutating webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import field
from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Object, Spec

if TYPE_CHECKING:
    from harness.base.resources import Resource


DEFINITION = ("apiextensions.k8s.io", "CustomResourceDefinition")

BUNDLE_VERSION = "gateway.networking.k8s.io/bundle-version"
CHANNEL = "gateway.networking.k8s.io/channel"
"""The annotations by which a definition says of which release of the Gateway API, and channel, it is."""

CHOSEN = "harness/chosen-by"
"""The annotation of a definition that stands for a release which a user chose."""


class DefinitionNames(Node):
    """How objects of the kind are called."""

    kind = field.text("kind")


class DefinitionSchema(Node):
    """What objects look like."""

    structure = field.raw("openAPIV3Schema")


class DefinitionVersion(Node):
    """A version of the kind."""

    name = field.text("name")
    served = field.boolean("served")
    schema = field.node("schema", DefinitionSchema)


class CustomResourceDefinition(Spec):
    """A kind of an API group, with its versions."""

    group = field.text("group")
    names = field.node("names", DefinitionNames)
    versions = field.nodes("versions", DefinitionVersion)

    @property
    def defines(self) -> tuple[str, str]:
        """API group and kind of its objects."""
        return self.group, self.names.kind

    @field.derived
    def served(self) -> frozenset[str]:
        return frozenset(version.name for version in self.versions if version.served)

    @property
    def chosen(self) -> str:
        """Who chose the release that it stands for; empty for a cluster's own."""
        return annotations_of(self.resource).get(CHOSEN, "")


def release(definition: Resource) -> str:
    """Returns the release and channel of the Gateway API that a definition is from, if it says so."""
    marks = annotations_of(definition)
    return "/".join(filter(None, (marks.get(BUNDLE_VERSION), marks.get(CHANNEL))))


def release_number(text: str) -> tuple[int, int]:
    """Returns the two numbers of a release as it is written (`1.6`)."""
    major, minor = text.split(".")
    return int(major), int(minor)


MUTATING = ("admissionregistration.k8s.io", "MutatingWebhookConfiguration")
VALIDATING = ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration")


class ServiceReference(Node):
    """The Service of a webhook's server."""

    namespace = field.text("namespace")
    name = field.text("name")


class WebhookClient(Node):
    """Where a webhook is: at a Service, or at a URL."""

    service = field.node("service", ServiceReference)
    url = field.text("url")


class MutatingWebhook(Node):
    """One webhook: both selectors must select, the namespace's labels and the object's."""

    name = field.text("name")
    namespaces = field.node("namespaceSelector", LabelSelector)
    objects = field.node("objectSelector", LabelSelector)
    client = field.node("clientConfig", WebhookClient)


class MutatingWebhookConfiguration(Object):
    """A MutatingWebhookConfiguration."""

    webhooks = field.nodes("webhooks", MutatingWebhook)

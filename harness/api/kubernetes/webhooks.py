"""MutatingWebhookConfigurations: which objects a webhook is asked about."""

from __future__ import annotations

from harness.api.kubernetes.selector import LabelSelector
from harness.api.node import Node, Object, node, nodes, text

MUTATING = ("admissionregistration.k8s.io", "MutatingWebhookConfiguration")


class MutatingWebhook(Node):
    """One webhook: both selectors must select, the namespace's labels and the object's."""

    name = text("name")
    namespaces = node("namespaceSelector", LabelSelector)
    objects = node("objectSelector", LabelSelector)


class MutatingWebhookConfiguration(Object):
    """A MutatingWebhookConfiguration."""

    webhooks = nodes("webhooks", MutatingWebhook)

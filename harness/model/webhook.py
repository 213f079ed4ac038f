"""Which pods injectors are asked about: by labels of their namespace and of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.kubernetes.webhooks import MUTATING, MutatingWebhookConfiguration
from harness.api.objects import labels_of
from harness.base.resources import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.api.kubernetes.webhooks import MutatingWebhook

Selector = list[dict[str, Any]]
"""The expressions of a label selector."""


def expression(key: str, operator: str, *values: str) -> dict[str, Any]:
    """Returns one expression of a label selector."""
    return {"key": key, "operator": operator, "values": list(values)}


def installed(*selectors: tuple[Selector, Selector]) -> tuple[MutatingWebhook, ...]:
    """Returns the webhooks of a default installation, by their selectors of namespaces and of pods."""
    webhooks = [
        {"namespaceSelector": {"matchExpressions": namespaces}, "objectSelector": {"matchExpressions": pods}}
        for namespaces, pods in selectors
    ]
    written = Resource(f"{MUTATING[0]}/v1", MUTATING[1], "", "installed", {"webhooks": webhooks})
    return MutatingWebhookConfiguration.of(written).webhooks


def asked(webhooks: Iterable[MutatingWebhook], namespace: Resource, labels: Mapping[str, str]) -> bool:
    """Returns whether one of the webhooks is asked about pods of these labels in a namespace."""
    own = {**labels_of(namespace), "kubernetes.io/metadata.name": namespace.name}
    return any(webhook.namespaces.selects(own) and webhook.objects.selects(labels) for webhook in webhooks)

"""The injectors' webhooks that a dump tells: of which revisions and tags Istio runs, and whom they select."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.kubernetes.webhooks import MutatingWebhookConfiguration
from harness.base.kept import per_object
from harness.model.planes import CONTROL_PLANES

if TYPE_CHECKING:
    from harness.api.kubernetes.webhooks import MutatingWebhook
    from harness.base.resources import Resource
    from harness.base.vocabulary import Mesh


@per_object
def of(configuration: Resource) -> dict[Mesh, tuple[MutatingWebhook, ...]]:
    """Returns the injectors' webhooks in a MutatingWebhookConfiguration, by their mesh."""
    found: dict[Mesh, tuple[MutatingWebhook, ...]] = {}
    for webhook in MutatingWebhookConfiguration.of(configuration).webhooks:
        for mesh, plane in CONTROL_PLANES.items():
            if webhook.name.endswith(plane.injector):
                found[mesh] = (*found.get(mesh, ()), webhook)
    return found

"""Linkerd's control plane: its webhooks, its injector, and the policy controller's index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd import TUNNEL
from harness.api.linkerd.identity import (
    service_account,
)
from harness.api.linkerd.validation import validate
from harness.base.vocabulary import Mesh
from harness.model.control_plane import ControlPlane
from harness.model.linkerd import config, injection, status
from harness.model.linkerd.routing import index

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.kubernetes.definition import MutatingWebhook
    from harness.base.resources import Resource
    from harness.model.control_plane import Candidate
    from harness.model.state import Objects, State
    from harness.traffic.observables import Proxy
    from harness.traffic.status import Status


class LinkerdControlPlane(ControlPlane):
    """Has no gateways; its index keeps the version before of what it can't read."""

    mesh = Mesh.LINKERD
    injector = "linkerd-proxy-injector.linkerd.io"
    inherited = ("config.linkerd.io/",)
    tunnel = TUNNEL

    def validate(self, resource: Resource) -> None:
        validate(resource)

    def indexes(self, resource: Resource) -> bool:
        return index.unreadable(resource) is None

    def reports(self, state: State, resource: Resource) -> Iterable[Status]:
        return status.of(state, resource)

    def inject(self, candidate: Candidate, webhooks: tuple[MutatingWebhook, ...]) -> Proxy | str | None:
        answer = injection.inject(candidate)  # most pods ask for no proxy, which is quicker to see
        return answer if answer and self.is_asked(candidate, webhooks) else None

    def identity(self, objects: Objects, namespace: str, account: str) -> str:
        return service_account(account, namespace, config.read(objects).trust_domain)

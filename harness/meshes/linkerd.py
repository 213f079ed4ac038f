"""Linkerd: its installation, and how its proxies show mutual TLS."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.linkerd.identity import (
    service_account,
)
from harness.base import Installer, Mesh
from harness.base.vocabulary import CLUSTER_DOMAIN, LINKERD_NAMESPACE
from harness.cluster.api import DEPLOYMENTS, NAMESPACES, PODS, find, wait_until
from harness.cluster.control_plane import Scrape
from harness.cluster.objects import pods
from harness.cluster.objects.rollout import available, behind
from harness.cluster.probing.counters import growth
from harness.meshes import charts
from harness.meshes.plane import TOOL_SECONDS, Plane, checked, refuse_scaled_down
from harness.traffic.outcomes import Hop
from harness.traffic.status import CONTROLLERS

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.api.gateway_api.reference import ParentRef
    from harness.base import Installation, Resource
    from harness.cluster.api import ClusterSettings, Deadline, Json, Run, View
    from harness.traffic.outcomes import ServerSaw

logger = logging.getLogger(__name__)

CONTROL_PLANE = {
    "linkerd-destination": "no proxy learns of a change",
    "linkerd-identity": "no new proxy gets a certificate",
    "linkerd-proxy-injector": "pods start without a proxy",
}
"""Its Deployments, and what goes wrong without each."""

_CHECK_SECONDS = 60.0  # that `linkerd check` may wait for proxies that have just been started


class Linkerd(Plane):
    """Linkerd's control plane on one cluster."""

    mesh = Mesh.LINKERD
    controller = CONTROLLERS[Mesh.LINKERD]
    counters = Scrape(4191, "metrics")
    user = 2102
    cli = "linkerd"
    releases = charts.LINKERD
    main = ("linkerd-destination", "destination")

    def healthy(self) -> bool:
        paths = (DEPLOYMENTS.path(LINKERD_NAMESPACE, name) for name in CONTROL_PLANE)
        return all(available(self._client.find(path)) for path in paths)

    @staticmethod
    def _unfit(settings: ClusterSettings, wanted: Installation) -> str | None:
        if wanted.installer is Installer.HELM and not wanted.values:
            return "Linkerd's chart needs values with identityTrustAnchorsPEM and identity.issuer.tls"
        return None

    @staticmethod
    def _cli_version(tool: str, run: Run) -> str:
        return run([tool, "version", "--client", "--short"], timeout=TOOL_SECONDS).strip()

    def _install_by_cli(self, deadline: Deadline, wanted: Installation) -> None:
        """Applies what `linkerd install` prints, CRDs first.

        The Gateway API's CRDs must be there already [Linkerd: Gateway API support]. Each run of `linkerd
        install` makes a new trust anchor, so it is run only where there is no control plane.
        """
        if not self.installed():  # else it isn't healthy yet
            values = ["--values", str(wanted.values)] if wanted.values else []
            self._applier.apply(self._objects("install", "--crds", deadline=deadline), deadline)
            self._applier.apply(self._objects("install", *values, deadline=deadline), deadline)
        self._run(self._argv("check", "--wait", f"{deadline.left:.0f}s"), timeout=deadline.left + 5)

    def _uninstall_by_cli(self, deadline: Deadline) -> list[str]:
        return self._delete(self._objects("uninstall", deadline=deadline), deadline)

    def faults(self, namespaces: Collection[str], accepted: Collection[str], deadline: Deadline) -> list[str]:
        """Returns the errors of `linkerd check --proxy`, which looks at all namespaces."""
        if find(self._settings.linkerd) is None:
            logger.info("Linkerd isn't checked: there is no %s", self._settings.linkerd)
            return []
        patience = min(_CHECK_SECONDS, deadline.left)
        argv = self._argv("check", "--proxy", "--output", "json", "--wait", f"{patience:.0f}s")
        return checked(self._run(argv, timeout=deadline.left + 5, answers=(0, 1)))

    def wait_ready(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when the control plane is ready, if one of the namespaces asks for it.

        While its injector is away pods start without a proxy: its webhook's failurePolicy is Ignore. Raises
        StageError at once if a part is scaled to 0, else at the deadline.
        """
        deployments = DEPLOYMENTS.collection(LINKERD_NAMESPACE)

        def unmet(view: View) -> str | None:
            parts = [
                deployment
                for deployment in view[deployments]
                if Metadata.live(deployment).name in CONTROL_PLANE
            ]
            return next((lag for part in parts if (lag := _lag(part))), None)

        if not self.healthy() and any(map(self._asks_in, namespaces)):
            wait_until(self._client, "Linkerd's control plane is ready", [deployments], unmet, deadline)

    def _asks_in(self, namespace: str) -> bool:
        """Whether a namespace, or a pod in it, asks to be injected."""
        live = self._client.find(NAMESPACES.path("", namespace))
        listed = self._client.list(PODS.collection(namespace)) if live else []
        return bool(live and self.asks(live)) or any(pods.choice(pod, self.mesh) for pod in listed)

    def settle(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when the control plane is ready: its proxies don't tell which configuration they hold.

        Routes show it in their status; for all else an expectation waits for its own effect.
        """
        self.wait_ready(namespaces, deadline)

    def reports_on(self, group: str, parent: ParentRef) -> bool:
        """Linkerd acts on Services of the group "" or core; a group left out is the Gateway API's."""
        return parent.kind == "Service" and parent.group in ("", "core")

    def hello(self, server: Json) -> tuple[str, str]:
        """Returns the proxy's identity: TLS for any other name it passes on to the application."""
        spec, namespace = pods.spec(server), pods.namespace(server)
        proxies = [container.variables for container in spec.lasting if container.name == Mesh.LINKERD.proxy]
        domain = proxies[0].get("_l5d_trustdomain", CLUSTER_DOMAIN) if proxies else CLUSTER_DOMAIN
        return service_account(spec.service_account, namespace, domain), ""

    def identity(self, saw: ServerSaw) -> Hop | None:
        """Reads l5d-client-id, which a proxy writes for mutual TLS and removes otherwise."""
        client = saw.header("l5d-client-id")
        if client is not None:
            return Hop(True, Mesh.LINKERD, client, ("l5d-client-id at the server",))
        return Hop(False, witnesses=("no l5d-client-id at the server, which has a linkerd-proxy",))

    def witness(self, before: str, after: str, requests: int) -> Hop | None:
        """Reads inbound requests by their TLS label; conclusive if one way alone fits them all.

        A kubelet's probes count as plaintext too, so fewer than `requests` of a kind are no objection.
        Of several clients that came meanwhile the one that fits alone is meant; else it isn't known.
        """
        secure: Counter[str] = Counter()
        plain = 0
        for sample in growth(before, after, "request_total"):
            if sample.label("direction") == "inbound" and sample.value:
                if sample.label("tls") == "true":
                    secure[sample.label("client_id")] += int(sample.value)
                else:
                    plain += int(sample.value)
        mutual = secure.total() >= requests
        if mutual is (plain >= requests):
            return None
        number = secure.total() if mutual else plain
        words = f"the server's linkerd-proxy counted {number} inbound requests with tls="
        if not mutual:
            return Hop(False, witnesses=(f"{words}no_identity",))
        clients = [client for client, grown in secure.items() if client and grown >= requests]
        return Hop(True, Mesh.LINKERD, clients[0] if len(clients) == 1 else None, (f'{words}"true"',))

    def _objects(self, *arguments: str, deadline: Deadline) -> list[Resource]:
        argv = self._argv(*arguments)
        return charts.objects(self._run(argv, timeout=deadline.left), " ".join(["linkerd", *arguments]))


def _lag(part: Json) -> str | None:
    """How far a part of the control plane is behind its spec; raises StageError if it is scaled to 0."""
    name = Metadata.live(part).name
    refuse_scaled_down(part, CONTROL_PLANE[name])
    lag = behind(part)
    return f"{name}: {lag}; {CONTROL_PLANE[name]}" if lag else None

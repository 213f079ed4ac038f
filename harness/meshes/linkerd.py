"""Linkerd: its installation, and how its proxies show mutual TLS."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

from harness.api import marks
from harness.api.kubernetes.metadata import Metadata
from harness.api.linkerd.identity import service_account
from harness.api.node import live
from harness.base.errors import StageError
from harness.base.installation import DEFAULT, Installation, Installer
from harness.base.vocabulary import CLUSTER_DOMAIN, LINKERD_NAMESPACE, Mesh
from harness.cluster.api.discovery import DEPLOYMENTS, NAMESPACES, PODS
from harness.cluster.api.tools import find, run
from harness.cluster.api.watch import wait_until
from harness.cluster.control_plane import Injection, Scrape
from harness.cluster.objects import pods
from harness.cluster.objects.rollout import available, behind, is_scaled_to_nothing, wait_for_rollouts
from harness.cluster.probing.metrics import growth
from harness.manifests.documents import Loader
from harness.meshes import charts, health
from harness.meshes.source import image_tag, lacking_source, rendered
from harness.traffic.outcomes import Hop

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from harness.api.gateway_api.reference import ParentRef
    from harness.base.resources import Resource
    from harness.cluster.api.client import Client, Json
    from harness.cluster.api.deadline import Deadline
    from harness.cluster.api.settings import ClusterSettings
    from harness.cluster.api.tools import Run
    from harness.cluster.api.watch import View
    from harness.cluster.objects.apply import Applier
    from harness.traffic.outcomes import ServerSaw

logger = logging.getLogger(__name__)

DESTINATION = "linkerd-destination"
CONTROL_PLANE = {
    DESTINATION: "no proxy learns of a change",
    "linkerd-identity": "no new proxy gets a certificate",
    "linkerd-proxy-injector": "pods start without a proxy",
}
"""Its Deployments, and what goes wrong without each."""

_CHECK_SECONDS = 60.0  # that `linkerd check` may wait for proxies that have just been started
_TOOL_SECONDS = 30.0


class Linkerd:
    """Linkerd's control plane on one cluster, installed by its command line tool."""

    mesh = Mesh.LINKERD
    controller = "linkerd.io/policy-controller"
    counters = Scrape(4191, "metrics")
    user = 2102

    def __init__(
        self,
        client: Client,
        applier: Applier,
        run: Run,
        kubeconfig: Path,
        settings: ClusterSettings,
    ) -> None:
        self._client = client
        self._applier = applier
        self._run = run
        self._kubeconfig = kubeconfig
        self._settings = settings

    def lacking(self, wanted: Installation = DEFAULT) -> str | None:
        """Returns why it can't be installed from here as it is wanted, or None."""
        return lacking(self._settings, wanted, self._run)

    def installed(self) -> bool:
        """Whether there is a control plane."""
        return self._client.find(DEPLOYMENTS.path(LINKERD_NAMESPACE, DESTINATION)) is not None

    def healthy(self) -> bool:
        """Whether the control plane's deployments are available."""
        found = (self._client.find(DEPLOYMENTS.path(LINKERD_NAMESPACE, name)) for name in CONTROL_PLANE)
        return all(map(available, found))

    def version(self) -> str:
        """Returns the tag of the destination controller's image."""
        return image_tag(self._client.find(DEPLOYMENTS.path(LINKERD_NAMESPACE, DESTINATION)), "destination")

    def install(self, deadline: Deadline, wanted: Installation = DEFAULT) -> None:
        """Applies what `linkerd install` prints, CRDs first, or manifests, or runs helm; waits for it.

        The Gateway API's CRDs must be there already [Linkerd: Gateway API support]. Each run of `linkerd
        install` makes a new trust anchor, so it is run only where there is no control plane.
        """
        match wanted.installer:
            case Installer.CLI:
                if not self.installed():  # else it isn't healthy yet
                    values = ["--values", str(wanted.values)] if wanted.values else []
                    self._applier.apply(self._objects("install", "--crds", deadline=deadline), deadline)
                    self._applier.apply(self._objects("install", *values, deadline=deadline), deadline)
                self._run(self._argv("check", "--wait", f"{deadline.left:.0f}s"), timeout=deadline.left + 5)
            case Installer.HELM:
                for argv in charts.install_argvs(
                    self._settings.helm, charts.LINKERD, wanted, self._kubeconfig
                ):
                    self._run(argv, timeout=deadline.left)
            case Installer.MANIFESTS:
                self._applier.make_namespace(LINKERD_NAMESPACE, deadline)  # charts leave theirs out
                self._applier.apply(rendered(wanted), deadline)
        wait_for_rollouts(self._client, LINKERD_NAMESPACE, deadline)

    def uninstall(self, deadline: Deadline, wanted: Installation = DEFAULT) -> None:
        """Deletes what `linkerd uninstall` lists, or manifests hold, or runs helm; the namespace last."""
        if wanted.installer is Installer.HELM:
            for argv in charts.uninstall_argvs(self._settings.helm, charts.LINKERD, self._kubeconfig):
                self._run(argv, timeout=deadline.left)
            self._applier.delete_namespaces([LINKERD_NAMESPACE], deadline)
            return
        given = wanted.installer is Installer.MANIFESTS
        listed = rendered(wanted)[::-1] if given else self._objects("uninstall", deadline=deadline)
        self._applier.delete([one for one in listed if one.kind != "Namespace"], deadline)
        self._applier.delete_namespaces([one.name for one in listed if one.kind == "Namespace"], deadline)

    def faults(self, namespaces: Collection[str], accepted: Collection[str], deadline: Deadline) -> list[str]:
        """Returns the errors of `linkerd check --proxy`, which looks at all namespaces."""
        if find(self._settings.linkerd) is None:
            logger.info("Linkerd isn't checked: there is no %s", self._settings.linkerd)
            return []
        patience = min(_CHECK_SECONDS, deadline.left)
        argv = self._argv("check", "--proxy", "--output", "json", "--wait", f"{patience:.0f}s")
        return health.checked(self._run(argv, timeout=deadline.left + 5, answers=(0, 1)))

    def injection(self, asked: bool) -> Injection:
        """Returns the annotation; a label of that name does nothing [semantics: two meshes]."""
        return Injection({}, {marks.LINKERD_INJECT: "enabled" if asked else None})

    def asks(self, namespace: Json) -> bool:
        """Whether a Namespace has the annotation."""
        metadata = Metadata.live(namespace)
        return marks.asks(self.mesh, metadata.labels, metadata.annotations)

    def wait_ready(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when the control plane is ready, if one of the namespaces asks for it.

        While its injector is away pods start without a proxy: its webhook's failurePolicy is Ignore. Raises
        StageError at once if a part is scaled to 0, else at the deadline.
        """
        deployments = DEPLOYMENTS.collection(LINKERD_NAMESPACE)

        def unmet(view: View) -> str | None:
            parts = [one for one in view[deployments] if Metadata.live(one).name in CONTROL_PLANE]
            return next((lag for part in parts if (lag := _lag(part))), None)

        if not self.healthy() and any(map(self._is_asked, namespaces)):
            wait_until(self._client, "Linkerd's control plane is ready", [deployments], unmet, deadline)

    def _is_asked(self, namespace: str) -> bool:
        """Whether a namespace, or a pod in it, asks to be injected."""
        found = self._client.find(NAMESPACES.path("", namespace))
        listed = self._client.list(PODS.collection(namespace)) if found else []
        return bool(found and self.asks(found)) or any(pods.choice(pod, self.mesh) for pod in listed)

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
        proxies = [one.variables for one in spec.lasting if one.name == Mesh.LINKERD.proxy]
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
        for one in growth(before, after, "request_total"):
            if one.label("direction") == "inbound" and one.value:
                if one.label("tls") == "true":
                    secure[one.label("client_id")] += int(one.value)
                else:
                    plain += int(one.value)
        mutual = secure.total() >= requests
        if mutual is (plain >= requests):
            return None
        number = secure.total() if mutual else plain
        said = f"the server's linkerd-proxy counted {number} inbound requests with tls="
        if not mutual:
            return Hop(False, witnesses=(f"{said}no_identity",))
        clients = [client for client, grown in secure.items() if client and grown >= requests]
        return Hop(True, Mesh.LINKERD, clients[0] if len(clients) == 1 else None, (f'{said}"true"',))

    def _argv(self, *arguments: str) -> list[str]:
        tool = str(find(self._settings.linkerd) or self._settings.linkerd)
        return [tool, *arguments, "--kubeconfig", str(self._kubeconfig)]

    def _objects(self, *arguments: str, deadline: Deadline) -> list[Resource]:
        argv = self._argv(*arguments)
        return objects(self._run(argv, timeout=deadline.left), " ".join(["linkerd", *arguments]))


def _lag(part: Json) -> str | None:
    """How far a part of the control plane is behind its spec; raises StageError if it is scaled to 0."""
    name = Metadata.live(part).name
    if is_scaled_to_nothing(part):
        raise StageError(
            f"{name} is scaled to 0, so {CONTROL_PLANE[name]}",
            where=f"Deployment {LINKERD_NAMESPACE}/{name}",
            todo=f"kubectl -n {LINKERD_NAMESPACE} scale deployment/{name} --replicas=1",
        )
    lag = behind(part)
    return f"{name}: {lag}; {CONTROL_PLANE[name]}" if lag else None


def lacking(settings: ClusterSettings, wanted: Installation = DEFAULT, run: Run = run) -> str | None:
    """Returns why Linkerd can't be installed from here as it is wanted, or None."""
    if wanted.installer is not Installer.CLI:
        return lacking_source(Mesh.LINKERD, wanted, settings.helm)
    linkerd = settings.linkerd
    if find(linkerd) is None:
        return (
            f"{linkerd} isn't on PATH: install it (https://linkerd.io/2/getting-started), or say where it is"
        )
    if wanted.version:
        found = run([str(find(linkerd)), "version", "--client", "--short"], timeout=_TOOL_SECONDS).strip()
        if not wanted.accepts(found):
            return f"{linkerd} is of version {found}, and {wanted.version} is asked for"
    return None


def objects(text: str, where: str) -> list[Resource]:
    """Returns the objects of a YAML stream, Lists unfolded; raises StageError if it isn't one."""
    try:
        documents: list[Any] = list(yaml.load_all(text, Loader))
    except yaml.YAMLError as error:
        raise StageError("not YAML", where=where, why=str(error)) from None
    unfolded = (each["items"] if each["kind"] == "List" else [each] for each in documents if each)
    return [live(data) for part in unfolded for data in part]

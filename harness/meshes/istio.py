"""Istio: its installation, when its proxies are up to date, and how they show mutual TLS."""

from __future__ import annotations

import json
import logging
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.kubernetes.metadata import Metadata
from harness.base import ROOT_NAMESPACE, HarnessError, Installer, Mesh, StageError
from harness.cluster.api import PODS, Deadline, Endpoint, find, timed
from harness.cluster.api.streams import get
from harness.cluster.control_plane import Scrape
from harness.cluster.objects import pods
from harness.cluster.objects.rollout import available, behind
from harness.manifests.documents import plain
from harness.meshes import charts, istio_tls
from harness.meshes.plane import TOOL_SECONDS, Plane, analyzed, refuse_scaled_down
from harness.traffic.status import CONTROLLERS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from harness.api.gateway_api.reference import ParentRef
    from harness.base import Installation, Resource
    from harness.cluster.api import ClusterSettings, Json, Run

logger = logging.getLogger(__name__)

ADMIN_PORT = 15000  # of Envoy, on loopback only
ENVOY_FILTERS = Endpoint("networking.istio.io/v1alpha3", "envoyfilters", namespaced=True)
WEBHOOKS = Endpoint("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", namespaced=False)

_POLL_SECONDS = 0.2
_ANSWER_SECONDS = 5.0
ANALYZER_FOUND = 79  # the exit status by which `istioctl analyze` tells of errors
_PARALLEL = 8


class Istio(Plane):
    """Istio with sidecars, default revision, on one cluster."""

    mesh = Mesh.ISTIO
    controller = CONTROLLERS[Mesh.ISTIO]
    counters = Scrape(15090, "stats/prometheus")
    user = 1337
    cli = "istioctl"
    releases = charts.ISTIO
    main = ("istiod", "discovery")

    def healthy(self) -> bool:
        """Whether istiod is available and its injection webhook is registered."""
        return available(self._main()) and any(
            "sidecar-injector" in Metadata.live(item).name
            for item in self._client.list(WEBHOOKS.collection())
        )

    @staticmethod
    def _unfit(settings: ClusterSettings, wanted: Installation) -> str | None:
        config = settings.istio_config if wanted.installer is Installer.CLI else None
        if config is None or config.is_file():
            return None
        return f"{config}, the file for `istioctl install -f`, isn't there"

    @staticmethod
    def _cli_version(tool: str, run: Run) -> str:
        printed = run([tool, "version", "--remote=false", "--output", "json"], timeout=TOOL_SECONDS)
        return str(json.loads(printed)["clientVersion"]["version"])

    def _install_by_cli(self, deadline: Deadline, wanted: Installation) -> None:
        config = wanted.values or self._settings.istio_config
        argv = install_argv(self._argv()[0], self._kubeconfig, config, deadline.left)
        self._run(argv, timeout=deadline.left)

    def _uninstall_by_cli(self, deadline: Deadline) -> list[str]:
        self._run(self._argv("uninstall", "--purge", "-y"), timeout=deadline.left)
        return [ROOT_NAMESPACE]

    def _delete(self, listed: Sequence[Resource], deadline: Deadline) -> list[str]:
        super()._delete(listed, deadline)
        return [ROOT_NAMESPACE]  # which charts' manifests leave out

    def faults(self, namespaces: Collection[str], accepted: Collection[str], deadline: Deadline) -> list[str]:
        """Returns the errors of `istioctl analyze` in these namespaces and in the root namespace."""
        if find(self._settings.istioctl) is None:
            logger.info("Istio's configuration isn't analyzed: there is no %s", self._settings.istioctl)
            return []
        argv = self._argv("analyze", "--all-namespaces", "--output", "json")
        text = self._run(argv, timeout=deadline.left, answers=(0, ANALYZER_FOUND))
        return analyzed(text, {*namespaces, ROOT_NAMESPACE}, accepted)

    def reports_on(self, group: str, parent: ParentRef) -> bool:
        """Istio acts on Services of the group "", written so, and on no other spelling of it."""
        return group == GROUP and parent.kind == "Service" and parent.group == ""

    def wait_ready(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns at once: no pod starts without its proxy, since its webhook's failurePolicy is Fail."""

    def settle(self, namespaces: Collection[str], deadline: Deadline) -> None:
        """Returns when every proxy of these namespaces, and every gateway, holds what istiod knows now.

        An EnvoyFilter that only adds an unused, uniquely named cluster is made, seen in each proxy,
        deleted, and seen to go. It reaches every proxy of its namespace, whatever a Sidecar or a
        gateway leaves out. Why that is proof: istiod handles all changes in one queue, and sends each
        proxy one push after another on one stream: clusters, endpoints, listeners, routes, in this
        order. So the clusters of the second push, without the marker, come after the whole of the first,
        which came after, or with, the change that is waited for. As istiod watches each kind on its
        own, that change could only be late by more than both pushes and their debounce times.
        Raises StageError if a proxy refuses what it was sent, or at the deadline.
        """
        # A marker beside the gateways is for the harness's own clusters alone.
        proxied = self._proxies(
            {*namespaces, ROOT_NAMESPACE} if self._applier.admits(ROOT_NAMESPACE) else namespaces
        )
        if not proxied:
            return
        if (istiod := self._main()) is not None:
            refuse_scaled_down(istiod, "no proxy learns of the change")
        marker = f"harness-marker-{secrets.token_hex(6)}"
        homes = sorted({pods.namespace(pod) for pod in proxied})
        with timed(logger, f"Istio: configuration in force in {len(proxied)} proxies"):
            try:
                for home in homes:
                    body = _marker(marker, home, self._applier.labels)
                    self._client.call("POST", ENVOY_FILTERS.collection(home), body=body)
                self._wait_clusters(homes, marker, True, deadline)
            finally:
                for home in homes:
                    if self._client.find(ENVOY_FILTERS.path(home, marker)) is not None:
                        self._client.call("DELETE", ENVOY_FILTERS.path(home, marker))
            self._wait_clusters(homes, marker, False, deadline)
            self._refuse_rejected(homes, deadline)

    def hello(self, server: Json) -> tuple[str, str]:
        """Returns no name, and the protocol by which a PERMISSIVE sidecar tells the mesh's own TLS."""
        return "", "istio"

    identity = staticmethod(istio_tls.identity)
    witness = staticmethod(istio_tls.witness)

    def _proxies(self, namespaces: Collection[str]) -> list[Json]:
        return [
            pod
            for namespace in namespaces
            for pod in self._client.list(PODS.collection(namespace))
            if Mesh.ISTIO in pods.meshes(pod) and pods.ready(pod)
        ]

    def _wait_clusters(self, homes: Sequence[str], marker: str, present: bool, deadline: Deadline) -> None:
        """Envoy can't be watched: its clusters are asked for until each proxy has (lost) the marker."""
        query = f"/config_dump?resource=dynamic_active_clusters&name_regex={marker}"
        waiting = self._proxies(homes)
        while True:
            dumps = self._ask(waiting, query, deadline)
            waiting = [pod for pod, dump in dumps if (marker in dump) != present]
            if not waiting:
                return
            if deadline.over:
                raise StageError(
                    f"istiod's configuration didn't reach {len(waiting)} proxies in {deadline.seconds:.0f} s",
                    where=pods.where(waiting[0]),
                    why=self._unwell(),
                    todo=f"istioctl proxy-status; kubectl -n {ROOT_NAMESPACE} logs deploy/istiod",
                )
            time.sleep(_POLL_SECONDS)

    def _unwell(self) -> str:
        """Why istiod itself may be to blame; empty where it is ready."""
        istiod = self._main()
        reason = "it isn't there" if istiod is None else behind(istiod)
        return f"istiod: {reason}" if reason else ""

    def _refuse_rejected(self, homes: Sequence[str], deadline: Deadline) -> None:
        query = "/config_dump?resource=dynamic_listeners&mask=name,error_state.details"
        for pod, dump in self._ask(self._proxies(homes), query, deadline):
            for listener in json.loads(dump).get("configs") or ():
                if listener.get("error_state"):
                    raise StageError(
                        f"the proxy refuses its listener {listener.get('name')}, so later changes don't act",
                        where=pods.where(pod),
                        why=str(listener["error_state"].get("details")),
                        todo="find the resource that asks for this, and correct or remove it",
                    )

    def _ask(self, proxied: Sequence[Json], query: str, deadline: Deadline) -> list[tuple[Json, str]]:
        """What each proxy's admin port answers; those whose pod went away meanwhile are left out.

        A port forward can stall on a busy node: no single one may use up the time that all have.
        """

        def ask(pod: Json) -> str | None:
            namespace, name = pods.namespace(pod), pods.name(pod)
            while True:
                patience = Deadline(min(_ANSWER_SECONDS, deadline.left))
                try:
                    return get(self._client, namespace, name, ADMIN_PORT, query, patience)
                except HarnessError as error:
                    if self._client.find(PODS.path(namespace, name)) is None:
                        return None
                    if deadline.over:
                        raise StageError(
                            f"the proxy's admin port didn't answer within {deadline.seconds:.0f} s",
                            where=pods.where(pod),
                            why=str(error),
                            todo=f"kubectl -n {namespace} logs {name} -c {Mesh.ISTIO.proxy}",
                        ) from None
                    time.sleep(_POLL_SECONDS)

        with ThreadPoolExecutor(_PARALLEL) as pool:
            answers = list(pool.map(ask, proxied))
        return [(pod, answer) for pod, answer in zip(proxied, answers, strict=True) if answer is not None]


def install_argv(istioctl: str, kubeconfig: Path, config: Path | None, deadline_seconds: float) -> list[str]:
    """Returns `istioctl install` with the user's IstioOperator file (else the default profile).

    The statistics that show mutual TLS are added to those that the file asks for.
    """
    chosen = ["-f", str(config)] if config else ["--set", "profile=default"]
    first = _suffixes_in(config) if config else 0
    statistics = [
        part
        for index, suffix in enumerate(istio_tls.TLS_STATISTICS, start=first)
        for part in ("--set", f"{charts.STATISTICS}[{index}]={suffix}")
    ]
    common = ["--kubeconfig", str(kubeconfig), "--readiness-timeout", f"{deadline_seconds:.0f}s"]
    return [istioctl, "install", "-y", *common, *chosen, *statistics]


def _suffixes_in(config: Path) -> int:
    """How many suffixes of statistics the user's file asks for itself."""
    part: object = plain(config.read_text())
    for key in ("spec", *charts.STATISTICS.split(".")):
        part = part.get(key) if isinstance(part, dict) else None
    return len(part) if isinstance(part, list) else 0


def _marker(name: str, namespace: str, labels: dict[str, str]) -> Json:
    """An EnvoyFilter that gives every proxy of its namespace one more cluster, which nothing uses."""
    added = {"operation": "ADD", "value": {"name": name, "type": "STATIC", "connect_timeout": "1s"}}
    contexts = ("SIDECAR_OUTBOUND", "GATEWAY")
    return {
        "apiVersion": ENVOY_FILTERS.api_version,
        "kind": "EnvoyFilter",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {
            "configPatches": [
                {"applyTo": "CLUSTER", "match": {"context": context}, "patch": added} for context in contexts
            ]
        },
    }

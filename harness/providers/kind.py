"""Scenarios on a real kind cluster, which the harness makes and deletes."""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import logging
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cluster import discovery as kinds
from harness.cluster.client import Client
from harness.cluster.deadline import Deadline, timed
from harness.cluster.images import Images, images_of
from harness.cluster.rollout import wait_for_rollouts
from harness.cluster.settings import ClusterSettings
from harness.cluster.tools import find, run, tail
from harness.cluster.watch import wait_until
from harness.errors import MissingError, StageError
from harness.providers.cluster import ClusterProvider

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from harness.cluster.client import Json
    from harness.cluster.tools import Run
    from harness.cluster.watch import View
    from harness.resources import Resource

logger = logging.getLogger(__name__)

SHARED_NAME = "harness"
CLUSTER_LABEL = "io.x-k8s.kind.cluster"  # on the containers that are a cluster's nodes

_STRAY_CHECKS = 5  # a second apart: how long an interrupted `docker run` may still start a node


@dataclass(frozen=True)
class KindSettings(ClusterSettings):
    """Which cluster is made or used, with which tools and images."""

    cluster_name: str | None = None
    """None: a unique name, or `harness` for a cluster that is kept or reused."""
    keep: bool = False
    """Leave the cluster running at the end."""
    reuse: bool = False
    """Use an existing cluster of that name as it is, and leave it running; make it if there is none."""
    node_image: str | None = None
    """None: the newest local kindest/node, else kind's own default."""
    kind_bin: str = "kind"
    """Path, or name on PATH."""
    kubectl_bin: str = "kubectl"
    """Path, or name on PATH."""
    images: tuple[str, ...] = ()
    """Images to load into the cluster, beside those of the apps that are in the local Docker."""


class KindProvider(ClusterProvider):
    """Makes a kind cluster at the first use, and deletes it on `close`, at exit, on ^C and on SIGTERM."""

    settings: KindSettings

    def __init__(self, settings: KindSettings, run: Run = run) -> None:
        super().__init__(settings)
        self._run = run
        self._images = Images(run)
        lasting = settings.keep or settings.reuse
        self.cluster_name = settings.cluster_name or (
            SHARED_NAME if lasting else f"{SHARED_NAME}-{secrets.token_hex(4)}"
        )
        self._loaded: set[str] = set()
        self._directory: Path | None = None
        self._made_cluster = False

    @property
    def name(self) -> str:
        """Its name."""
        return "kind"

    @property
    def kubeconfig(self) -> Path | None:
        """The cluster's kubeconfig, once there is a cluster."""
        return self._directory / "kubeconfig" if self._directory else None

    def preflight(self) -> None:
        """Raises MissingError with all that is missing for a cluster, found out before anything starts."""
        missing = []
        if find_spec("pytest_kind") is None:
            missing.append("pytest-kind isn't installed: pip install 'mesh-migration-harness[kind]'")
        for tool, site in (
            (self.settings.kind_bin, "https://kind.sigs.k8s.io"),
            (self.settings.kubectl_bin, "https://kubernetes.io/docs/tasks/tools"),
        ):
            if find(tool) is None:
                missing.append(f"{tool} isn't on PATH: {site}")
        if find("docker") is None:
            missing.append("docker isn't on PATH: https://docs.docker.com/engine/install")
        else:
            try:
                self._run(["docker", "info", "--format", "{{.ServerVersion}}"], timeout=30)
            except StageError as error:
                missing.append(f"the Docker engine doesn't answer: {error.why or error.what}")
        if missing:
            raise MissingError("a kind cluster can't be made here", why="\n       ".join(missing))

    def require(self, resources: Iterable[Resource]) -> None:
        """Raises MissingError for images of these workloads that are neither here nor can be pulled.

        Those that aren't here yet are pulled now, so that nothing starts that can't end.
        """
        self._images.require(images_of(resources), self.settings.timeout)

    def connect(self) -> Path:
        """Makes the cluster, or finds the one to reuse; returns its kubeconfig (0600, in a directory 0700).

        Raises MissingError, before anything is made, for tools and images that aren't there.
        """
        self.preflight()
        deadline = Deadline(self.settings.timeout)
        image = self.settings.node_image or self._images.newest_node()
        self._images.require([*([image] if image else []), *self.settings.images], deadline.left)
        self._directory = Path(tempfile.mkdtemp(prefix="harness-kind-"))
        kubeconfig = self._directory / "kubeconfig"
        atexit.register(self.close)
        # Only a cluster that others may use too can be made twice at once.
        with _lock(self.cluster_name) if self.settings.reuse else contextlib.nullcontext():
            existing = self.cluster_name in self._run([self._kind, "get", "clusters"], timeout=60).split()
            if existing and not self.settings.reuse:
                raise StageError(
                    f"there is a kind cluster {self.cluster_name} already",
                    todo=f"choose reuse, or another name, or: kind delete cluster --name {self.cluster_name}",
                )
            if existing:
                logger.info("kind cluster %s is there already, and used as it is", self.cluster_name)
                self._run(self._on_cluster("export", "kubeconfig"), timeout=60)
            else:
                with timed(
                    logger, f"kind cluster {self.cluster_name} of {image or 'the default node image'}"
                ):
                    self._create(image, self._directory)
                    self._wait_ready(kubeconfig, deadline)
        kubeconfig.chmod(0o600)
        self._load(self.settings.images)
        return kubeconfig

    def provide_images(self, images: Collection[str]) -> None:
        """Loads those images that are in the local Docker; the nodes pull the others."""
        _ = self._at  # there must be a cluster to load into
        self._load(images)

    def close(self) -> None:
        """Deletes the cluster if this provider made it and it shan't stay; once is enough."""
        atexit.unregister(self.close)
        directory, self._directory = self._directory, None
        if directory is None:
            return
        if self._made_cluster and not (self.settings.keep or self.settings.reuse):
            self._delete(directory)
        shutil.rmtree(directory, ignore_errors=True)

    @property
    def _kind(self) -> str:
        return str(find(self.settings.kind_bin) or self.settings.kind_bin)

    def _on_cluster(self, *command: str) -> list[str]:
        return [self._kind, *command, "--name", self.cluster_name, "--kubeconfig", str(self.kubeconfig)]

    def _create(self, image: str | None, directory: Path) -> None:
        from pytest_kind import KindCluster  # GPL-3.0-or-later, an extra: imported here and nowhere else

        _interrupt_on_sigterm()
        # pytest-kind lets kind write to the terminal, and loses its words where it fails.
        log, wrapper = directory / "kind.log", directory / "kind"
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.quote(self._kind)} "$@" 2>>{shlex.quote(str(log))}\n')
        wrapper.chmod(0o700)
        try:
            with contextlib.chdir(directory):  # pytest-kind makes a .pytest-kind in the working directory
                cluster = KindCluster(
                    self.cluster_name,
                    kubeconfig=directory / "kubeconfig",
                    image=image,
                    kind_path=wrapper,
                    kubectl_path=find(self.settings.kubectl_bin),
                )
            self._made_cluster = True
            cluster.create()
        except subprocess.CalledProcessError:
            why = tail(log.read_text(errors="replace")) if log.exists() else ""
            self._delete(directory)
            raise StageError(f"kind can't make cluster {self.cluster_name}", why=why) from None
        except BaseException:  # ^C, SIGTERM: what was begun must not stay
            self._delete(directory, strays=True)
            raise

    def _delete(self, directory: Path, *, strays: bool = False) -> None:
        """Deletes the cluster; with `strays` also nodes that are being started at this moment."""
        argv = [self._kind, "delete", "cluster", "--name", self.cluster_name]
        argv += ["--kubeconfig", str(directory / "kubeconfig")]
        self._made_cluster = False
        with _uninterrupted(), timed(logger, f"kind cluster {self.cluster_name} deleted"):
            self._run(argv, timeout=120, own_session=True)
            for _ in range(_STRAY_CHECKS if strays else 0):
                time.sleep(1)
                label = f"label={CLUSTER_LABEL}={self.cluster_name}"
                if self._run(
                    ["docker", "ps", "-aq", "--filter", label], timeout=30, own_session=True
                ).strip():
                    self._run(argv, timeout=120, own_session=True)

    def _wait_ready(self, kubeconfig: Path, deadline: Deadline) -> None:
        """Waits for the nodes, the cluster's own workloads, and the account that pods run as."""
        client = Client(kubeconfig)
        nodes = kinds.NODES.collection()
        accounts = "/api/v1/namespaces/default/serviceaccounts"

        def unmet(view: View) -> str | None:
            unready = [node["metadata"]["name"] for node in view[nodes] if not _node_ready(node)]
            if unready or not view[nodes]:
                return f"nodes that aren't ready: {', '.join(unready) or 'all'}"
            return None if view[accounts] else "ServiceAccount default/default isn't there"

        wait_until(client, f"kind cluster {self.cluster_name} is ready", [nodes, accounts], unmet, deadline)
        wait_for_rollouts(client, "kube-system", deadline)
        client.close()

    def _load(self, images: Collection[str]) -> None:
        wanted = [
            image
            for image in dict.fromkeys(images)
            if image not in self._loaded and self._images.local(image)
        ]
        if wanted:
            with timed(logger, f"loaded {len(wanted)} images"):
                argv = [self._kind, "load", "docker-image", "--name", self.cluster_name, *wanted]
                self._run(argv, timeout=self.settings.timeout)
            self._loaded.update(wanted)


def _node_ready(node: Json) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _interrupt_on_sigterm() -> None:
    """Lets SIGTERM end the process as ^C does, so that clean-up runs; a handler of someone else's stays."""
    mine = threading.current_thread() is threading.main_thread()
    if mine and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Lets an impatient second ^C wait until the cluster is deleted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    """Keeps two processes (of xdist, say) from making the same cluster at once."""
    path = Path(tempfile.gettempdir()) / f"harness-kind-{os.getuid()}-{name}.lock"
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)

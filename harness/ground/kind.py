"""Scenarios on a real kind cluster, which the harness makes and deletes."""

from __future__ import annotations

import contextlib
import logging
import secrets
import shlex
import subprocess
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

from harness.base import MissingError, StageError
from harness.cluster.api import SITES, Client, ClusterSettings, Deadline, find, run, tail, timed
from harness.cluster.objects.docker import MAKER, Images, Kind, full_name, images_of, wait_for_cluster
from harness.cluster.ownership import ownership, reclaim
from harness.cluster.ownership.ownership import Lease, Record, uninterrupted
from harness.ground.cluster import ClusterProvider

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from harness.base import Resource
    from harness.cluster.api import Run

logger = logging.getLogger(__name__)

SHARED_NAME = "harness"


@dataclass(frozen=True)
class KindSettings(ClusterSettings):
    """Which cluster is made or used, with which tools and images."""

    cluster_name: str | None = None
    """None: a unique name, or `harness` for a cluster that is kept or reused."""
    keep: bool = False
    """Leave the cluster running at the end."""
    reuse: bool = False
    """Use an existing cluster of that name as it is, and leave it running; make it if there is none."""
    resume: bool = False
    """Leave what an earlier run's scenario left on the cluster, to go on with it."""
    node_image: str | None = None
    """None: the newest local kindest/node, else kind's own default."""
    kind_bin: str = "kind"
    kubectl_bin: str = "kubectl"
    images: tuple[str, ...] = ()
    """Images to load into the cluster, beside those of the apps that are in the local Docker."""


class KindProvider(ClusterProvider):
    """Makes a kind cluster at the first use, and deletes it on `close`, at exit, on ^C and on SIGTERM.

    What a killed process leaves is reclaimed by the next one, or by `harness clean`.
    """

    name = "kind"
    settings: KindSettings

    def __init__(self, settings: KindSettings, run: Run = run) -> None:
        super().__init__(settings)
        self._kind = Kind(run, settings.kind_bin)
        self._run = run
        self._images = Images(run)
        self.lasting = settings.keep or settings.reuse
        self.cluster_name = settings.cluster_name or (
            SHARED_NAME if self.lasting else f"{SHARED_NAME}-{secrets.token_hex(4)}"
        )
        self._expected: tuple[str, ...] = ()
        self._loaded: set[str] = set()
        self._loading = threading.Lock()
        self._ahead: Future[None] | None = None
        self._mine = False

    @property
    def kept_as(self) -> str | None:
        return self.cluster_name if self.lasting else None

    def share(self) -> Path:
        """Makes the cluster, unless it is there, for other processes; returns its kubeconfig."""
        return self._at.kubeconfig

    @property
    def kubeconfig(self) -> Path | None:
        """The cluster's kubeconfig, once there is a cluster."""
        return self._lease.kubeconfig if self._lease else None

    def preflight(self) -> None:
        """Raises MissingError with all that is missing for a cluster, found out before anything starts."""
        tools = {"kind": self.settings.kind_bin, "kubectl": self.settings.kubectl_bin, "docker": "docker"}
        missing = [
            f"{tool} isn't on PATH: {SITES[what]}" for what, tool in tools.items() if find(tool) is None
        ]
        if find_spec("pytest_kind") is None:
            missing.insert(0, "pytest-kind isn't installed: pip install 'mesh-migration-harness[kind]'")
        if find("docker") is not None:
            try:
                self._run(["docker", "info", "--format", "{{.ServerVersion}}"], timeout=30)
            except StageError as error:
                missing.append(f"the Docker engine doesn't answer: {error.why or error.what}")
        if missing:
            raise MissingError("a kind cluster can't be made here", why="\n       ".join(missing))

    def require(self, resources: Iterable[Resource]) -> None:
        """Raises MissingError for images of these workloads that are neither here nor can be pulled.

        Those that aren't here yet are pulled now, so that nothing starts that can't end. All of them
        are loaded while the cluster and its meshes are made.
        """
        images = images_of(resources)
        self._images.require(images, self.settings.timeout)
        self._expected = tuple(dict.fromkeys((*self._expected, *images)))

    def connect(self) -> Path:
        """Makes the cluster, or finds the one to reuse; returns its kubeconfig (0600, in a directory 0700).

        Raises MissingError, before anything is made, for tools and images that aren't there;
        StageError if someone else has a cluster of that name.
        """
        self.preflight()
        deadline = Deadline(self.settings.timeout)
        image = self.settings.node_image or self._images.newest_node()
        self._images.require([*([image] if image else []), *self.settings.images], deadline.left)
        lease = self._hold(ownership.KIND, self.cluster_name)
        try:
            reclaim.dead_runs(self._kind)
            if self._exists(lease):
                self._reuse(lease, deadline)
            else:
                made = f"kind cluster {self.cluster_name} of {image or 'the default node image'}"
                with timed(logger, made):
                    self._make(lease, image, deadline)
        except BaseException:
            self.close()
            raise
        self._ahead = _in_background(lambda: self._load(self._expected))
        return lease.kubeconfig

    def provide_images(self, images: Collection[str]) -> None:
        """Loads those images that are in the local Docker; the nodes pull the others."""
        _ = self._at  # there must be a cluster to load into
        if self._ahead is not None:
            self._ahead.result()
        self._load(images)

    def close(self) -> None:
        """Deletes the cluster if this provider made it and it shan't stay; once is enough."""
        lease = self._let_go()
        if lease is None:
            return
        record = lease.record
        if record is None:  # nothing was made: it is someone else's, or couldn't be had
            lease.remove()
        elif self._mine and not self.lasting:
            self._delete(lease, self._ahead)
        else:
            _ended(self._ahead)
            lease.release()

    def _exists(self, lease: Lease) -> bool:
        """Whether there is a cluster to use; what a killed run left half made, or for itself, is deleted."""
        record, existing = lease.record, self.cluster_name in self._kind.clusters()
        left = record is not None and not (record.lasting and record.complete)
        if left or (record is not None and not existing):
            reclaim.cluster(lease, self.cluster_name, self._kind)
            existing = False
        if existing and not self.settings.reuse:
            kept = " (the harness's own, kept)" if record else ""
            raise StageError(
                f"there is a kind cluster {self.cluster_name} already{kept}",
                todo=f"choose reuse, or another name, or: kind delete cluster --name {self.cluster_name}",
            )
        return existing

    def _reuse(self, lease: Lease, deadline: Deadline) -> None:
        """Uses a cluster as it is, but without what an earlier run's scenario left there."""
        logger.info("kind cluster %s is there already, and used as it is", self.cluster_name)
        self._kind.export(self.cluster_name, lease.kubeconfig)
        lease.kubeconfig.chmod(0o600)
        if not self.settings.resume:
            reclaim.namespaces(Client(lease.kubeconfig), deadline)
        self._load(self.settings.images)

    def _make(self, lease: Lease, image: str | None, deadline: Deadline) -> None:
        """Makes the cluster, and loads images as soon as its node takes them."""
        record = Record(ownership.KIND, self.cluster_name, self.lasting)
        lease.write(record)
        self._mine = True
        giving_up = threading.Event()

        def load() -> None:
            self._kind.wait_for_containerd(self.cluster_name, deadline, giving_up)
            self._load(self.settings.images)

        loaded = _in_background(load) if self.settings.images else None
        try:
            self._create(image, lease)
            lease.kubeconfig.chmod(0o600)
            wait_for_cluster(Client(lease.kubeconfig), self.cluster_name, deadline)
            if loaded is not None:
                loaded.result()
        except BaseException as error:  # ^C and SIGTERM too: what was begun must not stay
            giving_up.set()
            self._delete(lease, loaded, strays=not isinstance(error, StageError))
            raise
        lease.write(replace(record, complete=True))

    def _create(self, image: str | None, lease: Lease) -> None:
        from pytest_kind import KindCluster  # GPL-3.0-or-later, an extra: imported here and nowhere else

        # pytest-kind lets kind write to the terminal, and loses its words where it fails. The
        # process's id lets a later run end a kind that outlived this one.
        directory = lease.directory
        log, maker, wrapper = directory / "kind.log", directory / MAKER, directory / "kind"
        kind, log_, maker_ = (shlex.quote(str(path)) for path in (self._kind.path, log, maker))
        wrapper.write_text(f'#!/bin/sh\necho $$ >{maker_}\nexec {kind} "$@" 2>>{log_}\n')
        wrapper.chmod(0o700)
        try:
            with contextlib.chdir(directory):  # pytest-kind makes a .pytest-kind in the working directory
                cluster = KindCluster(
                    self.cluster_name,
                    kubeconfig=lease.kubeconfig,
                    image=image,
                    kind_path=wrapper,
                    kubectl_path=find(self.settings.kubectl_bin),
                )
            cluster.create()
        except subprocess.CalledProcessError:
            why = tail(log.read_text(errors="replace")) if log.exists() else ""
            raise StageError(f"kind can't make cluster {self.cluster_name}", why=why) from None

    def _delete(self, lease: Lease, loading: Future[None] | None, *, strays: bool = False) -> None:
        """Deletes the cluster, which ends what is still loaded into it, and its directory."""
        self._lease = None
        with uninterrupted(), timed(logger, f"kind cluster {self.cluster_name} deleted"):
            self._kind.delete(self.cluster_name, lease.directory, strays=strays)
            _ended(loading)
            lease.remove()

    def _load(self, images: Collection[str]) -> None:
        """Loads those images that are in the local Docker and not on the nodes yet."""
        lease = self._lease
        if lease is None:
            return
        with self._loading:
            local = {
                image: id_
                for image in dict.fromkeys(images)
                if image not in self._loaded and (id_ := self._images.id(image))
            }
            there = self._kind.images(self.cluster_name) if local else frozenset()
            wanted = [image for image, id_ in local.items() if not {id_, full_name(image)} <= there]
            if wanted:
                with timed(logger, f"loaded {len(wanted)} images"):
                    self._kind.load(self.cluster_name, wanted, lease.directory, self.settings.timeout)
            self._loaded.update(local)


def _ended(work: Future[None] | None) -> None:
    """Returns when work has ended, well or not."""
    if work is not None:
        work.exception()


def _in_background(work: Callable[[], None]) -> Future[None]:
    """Begins work in a thread of its own; the future has its result or error."""
    pool = ThreadPoolExecutor(1)
    begun = pool.submit(work)
    pool.shutdown(wait=False)
    return begun

"""What kind and docker have on this machine: clusters and images; and which images are needed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import Metadata
from harness.api.kubernetes.status import NodeStatus
from harness.api.kubernetes.workload import is_workload, template_of
from harness.base import MissingError, StageError
from harness.cluster.api import find, wait_until
from harness.cluster.api.discovery import NODES
from harness.cluster.objects.rollout import wait_for_rollouts

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path
    from threading import Event

    from harness.base import Resource
    from harness.cluster.api import Client, Deadline, Run, View


CLUSTER_LABEL = "io.x-k8s.kind.cluster"  # on the containers that are a cluster's nodes

MAKER = "maker.pid"
"""The file, beside a cluster's kubeconfig, with the id of the process that is making the cluster."""

_STRAY_CHECKS = 5  # a second apart: how long an interrupted `docker run` may still start a node
_TOOL_SECONDS = 120.0
_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Kind:
    """The tool kind, on this machine's Docker."""

    run: Run
    program: str = "kind"

    @property
    def path(self) -> str:
        """The program's path, or its name where it isn't there."""
        return str(find(self.program) or self.program)

    def clusters(self) -> frozenset[str]:
        return frozenset(self.run([self.path, "get", "clusters"], timeout=_TOOL_SECONDS).split())

    def export(self, name: str, kubeconfig: Path) -> None:
        argv = [self.path, "export", "kubeconfig", "--name", name, "--kubeconfig", str(kubeconfig)]
        self.run(argv, timeout=_TOOL_SECONDS)

    def delete(self, name: str, directory: Path, *, strays: bool = False) -> None:
        """Deletes a cluster; with `strays` also nodes that are being started at this moment.

        One that isn't there is no error. `directory` holds its kubeconfig, and tells who makes it.
        """
        argv = [self.path, "delete", "cluster", "--name", name]
        argv += ["--kubeconfig", str(directory / "kubeconfig")]
        _stop_maker(directory / MAKER, name, self.run)
        self.run(argv, timeout=_TOOL_SECONDS, own_session=True)
        for _ in range(_STRAY_CHECKS if strays else 0):
            time.sleep(1)
            if self.nodes(name):
                self.run(argv, timeout=_TOOL_SECONDS, own_session=True)

    def nodes(self, name: str) -> tuple[str, ...]:
        """Returns the ids of the containers that are a cluster's nodes, running or not."""
        argv = ["docker", "ps", "-aq", "--filter", f"label={CLUSTER_LABEL}={name}"]
        return tuple(self.run(argv, timeout=_TOOL_SECONDS, own_session=True).split())

    def wait_for_containerd(self, name: str, deadline: Deadline, giving_up: Event) -> None:
        """Returns when images can be loaded into a cluster that is being made.

        Raises StageError at the deadline, or if its making was given up.
        """
        why = "it has no node yet"
        while not deadline.over and not giving_up.is_set():
            try:
                if self.nodes(name):
                    self.images(name)
                    return
            except StageError as error:
                why = error.why or error.what
            giving_up.wait(_POLL_SECONDS)
        raise StageError(f"containerd of kind cluster {name} doesn't answer", why=why)

    def images(self, name: str) -> frozenset[str]:
        """Returns the images that all nodes of a cluster have: full names, and ids (sha256:…)."""
        listing = ["ctr", "--namespace=k8s.io", "images", "ls", "-q"]
        images = [
            frozenset(self.run(["docker", "exec", node, *listing], timeout=_TOOL_SECONDS).split())
            for node in self.nodes(name)
        ]
        return frozenset.intersection(*images) if images else frozenset()

    def load(self, name: str, images: Collection[str], scratch: Path, seconds: float) -> None:
        """Copies images of the local Docker to a cluster's nodes; kind packs them up in `scratch`."""
        argv = [self.path, "load", "docker-image", "--name", name, *images]
        self.run(argv, timeout=seconds, env={"TMPDIR": str(scratch)})


def wait_for_cluster(client: Client, name: str, deadline: Deadline) -> None:
    """Waits for the nodes, the cluster's own workloads, and the account that pods run as."""
    nodes, accounts = NODES.collection(), "/api/v1/namespaces/default/serviceaccounts"

    def unmet(view: View) -> str | None:
        unready = [Metadata.live(node).name for node in view[nodes] if not NodeStatus.live(node).ready]
        if unready or not view[nodes]:
            return f"nodes that aren't ready: {', '.join(unready) or 'all'}"
        return None if view[accounts] else "ServiceAccount default/default isn't there"

    wait_until(client, f"kind cluster {name} is ready", [nodes, accounts], unmet, deadline)
    wait_for_rollouts(client, "kube-system", deadline)


def _stop_maker(file: Path, name: str, run: Run) -> None:
    """Ends the kind that a killed run left at its work: what it makes would come after the deletion."""
    try:
        pid = int(file.read_text())
        args = run(["ps", "-o", "args=", "-p", str(pid)], timeout=_TOOL_SECONDS)
    except (OSError, ValueError, StageError):
        return
    if f"--name={name}" in args.split():  # and not another process that got its id
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


NODE_REPOSITORY = "kindest/node"
_INSPECT_SECONDS = 60.0
_ENDING = ("Job", "CronJob")


@dataclass(frozen=True)
class Images:
    """The local Docker's images."""

    _run: Run

    def local(self, image: str) -> bool:
        return self.id(image) is not None

    def id(self, image: str) -> str | None:
        """Returns the id (sha256:…) of an image of the local Docker, None where it has none of this name."""
        try:
            return self._inspect("inspect", "--format", "{{.Id}}", image).strip()
        except StageError:
            return None

    def newest_node(self) -> str | None:
        """Returns the local kind node image of the highest version, or None."""
        listed = self._inspect("ls", "--format", "{{.Repository}}:{{.Tag}}", NODE_REPOSITORY).split()
        tagged = [image for image in listed if not image.endswith(":<none>")]
        return max(tagged, key=_version, default=None)

    def _inspect(self, *arguments: str) -> str:
        return self._run(["docker", "image", *arguments], timeout=_INSPECT_SECONDS)

    def require(self, images: Iterable[str], timeout: float) -> None:
        """Pulls the images that aren't local; raises MissingError, naming all that can't be had."""
        failures: dict[str, str] = {}
        for image in dict.fromkeys(images):
            if not self.local(image):
                try:
                    self._run(["docker", "pull", "--quiet", image], timeout=timeout)
                except StageError as error:
                    failures[image] = error.why or error.what
        if failures:
            raise MissingError(
                f"images that aren't here and can't be pulled: {', '.join(failures)}",
                why="; ".join(f"{image}: {why.splitlines()[-1].strip()}" for image, why in failures.items()),
                todo="docker load -i an archive of each, build it, or name another image",
            )


def full_name(image: str) -> str:
    """Returns an image's name with the registry and tag that are meant if it names none.

    The rule is that of Docker's references [distribution: reference].
    """
    first, slash, _ = image.partition("/")
    if not slash:
        image = f"docker.io/library/{image}"
    elif not (first == "localhost" or "." in first or ":" in first):
        image = f"docker.io/{image}"
    tagged = ":" in image.rpartition("/")[2] or "@" in image
    return image if tagged else f"{image}:latest"


def images_of(resources: Iterable[Resource]) -> tuple[str, ...]:
    """Returns the images in the pod specs of workloads, each once, in order."""
    running = (each for each in resources if is_workload(each) or each.kind in _ENDING)
    specs = [template_of(resource).spec for resource in running]
    images = [each.image for spec in specs for each in (*spec.init_containers, *spec.containers)]
    return tuple(dict.fromkeys(filter(None, images)))


def _version(image: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", image.rpartition(":")[2])))

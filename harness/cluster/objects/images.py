"""Container images: which ones are needed, which ones this machine's Docker has."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import WORKLOAD_KINDS, template_of
from harness.base.errors import MissingError, StageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.cluster.api.tools import Run

NODE_REPOSITORY = "kindest/node"
_INSPECT_SECONDS = 60.0
_WORKLOADS = frozenset((*WORKLOAD_KINDS, "ReplicaSet", "Job", "CronJob", "Pod"))


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
    specs = [template_of(resource).spec for resource in resources if resource.kind in _WORKLOADS]
    images = [each.image for spec in specs for each in (*spec.init_containers, *spec.containers)]
    return tuple(dict.fromkeys(filter(None, images)))


def _version(image: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", image.rpartition(":")[2])))

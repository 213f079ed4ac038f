"""The images that a mesh's installation needs, by what its own tool would install."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from harness.api.kubernetes.config_map import ConfigMap
from harness.cluster.api.tools import find
from harness.cluster.objects.images import images_of
from harness.meshes.charts import objects

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.cluster.api.tools import Run

_SECONDS = 60.0
_NO_CLUSTER = {"KUBECONFIG": os.devnull}
_TAKEN_BY_INJECTION = "auto"  # a gateway's image, which Istio's injector replaces


def istio_images(istioctl: str, config: str, run: Run) -> list[str]:
    """Returns the control plane's and the proxy's images, with an IstioOperator file or the default profile.

    Raises StageError if istioctl fails.
    """
    chosen = ["-f", config] if config else ["--set", "profile=default"]
    argv = [str(find(istioctl)), "manifest", "generate", *chosen]
    made = objects(run(argv, timeout=_SECONDS, env=_NO_CLUSTER), "istioctl manifest generate")
    images = {image for image in images_of(made) if image != _TAKEN_BY_INJECTION}
    return sorted(images | {image for resource in made if (image := _proxy(resource))})


def linkerd_images(linkerd: str, run: Run) -> list[str]:
    """Returns the control plane's and the proxy's images; raises StageError if the linkerd CLI fails."""
    argv = [str(find(linkerd)), "install", "--ignore-cluster"]
    made = objects(run(argv, timeout=_SECONDS, env=_NO_CLUSTER), "linkerd install")
    return sorted(images_of(made))


def _proxy(injector: Resource) -> str | None:
    """The sidecar's image as the injector's own ConfigMap has it."""
    if (injector.kind, injector.name) != ("ConfigMap", "istio-sidecar-injector"):
        return None
    settings = json.loads(ConfigMap.of(injector).texts["values"])["global"]
    image = settings["proxy"]["image"]
    return image if "/" in image else f"{settings['hub']}/{image}:{settings['tag']}"

"""What control planes are made of: helm's releases and command lines, the objects that tools print."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.api.kubernetes.config_map import ConfigMap
from harness.api.node import live
from harness.base import StageError
from harness.cluster.api import find
from harness.cluster.objects.docker import images_of
from harness.manifests.documents import Loader
from harness.meshes import istio_tls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base import Installation, Resource
    from harness.cluster.api import Run

STATISTICS = "meshConfig.defaultConfig.proxyStatsMatcher.inclusionSuffixes"

_SECONDS = 60.0
_NO_CLUSTER = {"KUBECONFIG": os.devnull}
_TAKEN_BY_INJECTION = "auto"  # a gateway's image, which Istio's injector replaces


@dataclass(frozen=True)
class Release:
    """A release: its name, its namespace, the chart's name in repositories, and what is set in it.

    `folders` are the chart's places in a folder of charts, `configured` tells whether the user's values
    are its own.
    """

    name: str
    namespace: str
    chart: str
    settings: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    configured: bool = True


ISTIO = (
    Release("istio-base", "istio-system", "base", configured=False),
    Release(
        "istiod",
        "istio-system",
        "istiod",
        tuple(f"{STATISTICS}[{index}]={suffix}" for index, suffix in enumerate(istio_tls.TLS_STATISTICS)),
        ("istio-control/istio-discovery",),
    ),
    # Under the service account that istioctl gives it, which policies name. Its image is `auto` until it is
    # injected, which Kubernetes reads as the latest one, always to be pulled.
    Release(
        "istio-ingressgateway",
        "istio-system",
        "gateway",
        ("serviceAccount.name=istio-ingressgateway-service-account", "imagePullPolicy=IfNotPresent"),
        configured=False,
    ),
)
LINKERD = (
    Release("linkerd-crds", "linkerd", "linkerd-crds", ("installGatewayAPI=false",), configured=False),
    Release("linkerd-control-plane", "linkerd", "linkerd-control-plane"),
)


def install_argvs(
    helm: str, releases: Iterable[Release], wanted: Installation, kubeconfig: Path
) -> list[list[str]]:
    """Returns the commands that install or upgrade releases, in their order."""
    argvs = []
    for release in releases:
        argv = [helm, "upgrade", "--install", release.name, *_chart(wanted.source, release)]
        argv += ["--namespace", release.namespace, "--create-namespace", "--kubeconfig", str(kubeconfig)]
        if wanted.version and not Path(wanted.source).is_dir():
            argv += ["--version", wanted.version]
        if wanted.values and release.configured:
            argv += ["--values", str(wanted.values)]
        for setting in release.settings:
            argv += ["--set", setting]
        argvs.append(argv)
    return argvs


def uninstall_argvs(helm: str, releases: Iterable[Release], kubeconfig: Path) -> list[list[str]]:
    """Returns the commands that take releases away, the last installed first; those gone are no error."""
    common = ["--ignore-not-found", "--kubeconfig", str(kubeconfig)]
    return [
        [helm, "uninstall", release.name, "--namespace", release.namespace, *common]
        for release in reversed(tuple(releases))
    ]


def _chart(source: str, release: Release) -> list[str]:
    """Where a release's chart is: in a folder, or in a repository, given by its URL or name."""
    folder = Path(source)
    if folder.is_dir():
        places = [folder / name for name in (release.chart, *release.folders)]
        return [str(next((place for place in places if place.is_dir()), places[0]))]
    if source.startswith(("https://", "http://")):
        return [release.chart, "--repo", source]
    return [f"{source.rstrip('/')}/{release.chart}"]


def objects(text: str, where: str) -> list[Resource]:
    """Returns the objects of a YAML stream, Lists unfolded; raises StageError if it isn't one."""
    try:
        documents: list[Any] = list(yaml.load_all(text, Loader))
    except yaml.YAMLError as error:
        raise StageError("not YAML", where=where, why=str(error)) from None
    unfolded = (each["items"] if each["kind"] == "List" else [each] for each in documents if each)
    return [live(data) for part in unfolded for data in part]


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

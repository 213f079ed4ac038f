"""Meshes that no CLI installs: from helm charts, or from manifests that somebody rendered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import PodController
from harness.base.installation import Installation, Installer
from harness.base.vocabulary import Mesh
from harness.cluster.api.tools import find
from harness.manifests.files import read_manifests

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.cluster.api.client import Json


def rendered(wanted: Installation) -> tuple[Resource, ...]:
    """Returns the objects of rendered manifests; raises InputError if they can't be read."""
    return read_manifests(Path(wanted.source))


def lacking_source(mesh: Mesh, wanted: Installation, helm: str) -> str | None:
    """Returns why a mesh can't be installed from charts or manifests here, or None."""
    if wanted.installer is Installer.MANIFESTS:
        return None if Path(wanted.source).exists() else f"there are no manifests {wanted.source}"
    if find(helm) is None:
        return f"{helm} isn't on PATH, and {mesh} is to be installed from charts: https://helm.sh/docs/intro/install"
    if mesh is Mesh.LINKERD and not wanted.values:
        return "Linkerd's chart needs values with identityTrustAnchorsPEM and identity.issuer.tls"
    return None


def image_tag(deployment: Json | None, container: str) -> str:
    """Returns the tag of a container's image, which is its program's version; empty if it has none."""
    for one in PodController.live(deployment).template.spec.containers if deployment else ():
        if one.name == container:
            name, _, tag = one.image.partition("@")[0].rpartition(":")
            return tag if name and "/" not in tag else ""
    return ""

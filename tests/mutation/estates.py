"""Configurations to change: those that the repository ships, or folders of manifests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from harness.api.kubernetes.workload import WORKLOAD_KINDS
from harness.base.errors import HarnessError
from harness.base.vocabulary import PLATFORM, Mesh
from harness.manifests.files import read_manifests
from harness.model.changes.loading import load_objects, meshes_used

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource
    from harness.model import State

ROOT = Path(__file__).parents[2]
FOLDERS = (ROOT / "manifests", ROOT / "manifests" / "configs")
SMALL = Path(__file__).parent / "estates"


@dataclass(frozen=True)
class Estate:
    """Objects, the mesh that holds all workloads, and the meshes that are installed (empty: those in use)."""

    name: str
    objects: tuple[Resource, ...]
    mesh: Mesh
    meshes: frozenset[Mesh] = frozenset()

    @cached_property
    def state(self) -> State:
        return state_of(self.objects, self.mesh, self.meshes)

    def changed(self, resource: Resource | None, by: Resource | None) -> Estate:
        """The estate with another object in an object's place (None: in no other's), or with none."""
        objects = [by if each is resource else each for each in self.objects]
        kept = tuple(each for each in (*objects, None if resource else by) if each is not None)
        return replace(self, objects=kept, meshes=self.state.meshes)


def state_of(objects: Iterable[Resource], mesh: Mesh, meshes: frozenset[Mesh] = frozenset()) -> State:
    """Returns the state of a cluster with these objects, all workloads in one mesh."""
    objects = tuple(objects)
    places = {each.namespace for each in objects if each.kind in (*WORKLOAD_KINDS, "Pod")} - PLATFORM
    return load_objects([objects], meshes or None, dict.fromkeys(sorted(places), mesh))


SHIPPED = {
    "httpbin, routes of Istio": (Mesh.ISTIO, "httpbin/httpbin.yaml httpbin/shadow clients httpbin/istio/routes.yaml"),
    "httpbin, policies of Istio": (Mesh.ISTIO, "httpbin/httpbin.yaml clients httpbin/istio/closed.yaml"),
    "httpbin, denied by Istio": (Mesh.ISTIO, "httpbin/httpbin.yaml httpbin/shadow clients httpbin/istio/deny-raw.yaml"),
    "httpbin, gateway of Istio": (Mesh.ISTIO, "httpbin/httpbin.yaml clients httpbin/istio/ingress.yaml"),
    "httpbin, Gateway API": (Mesh.ISTIO, "httpbin/httpbin.yaml clients httpbin/gateway-api"),
    "httpbin, routes of Linkerd": (Mesh.LINKERD, "httpbin/httpbin.yaml httpbin/shadow clients httpbin/linkerd/routes.yaml"),
    "httpbin, policies of Linkerd": (Mesh.LINKERD, "httpbin/httpbin.yaml clients httpbin/linkerd/closed.yaml"),
    "faces, split by Istio": (Mesh.ISTIO, "faces/*.yaml clients faces/istio/color-split.yaml faces/istio/restrict-smiley.yaml"),
    "faces, delays of Istio": (Mesh.ISTIO, "faces/*.yaml faces/istio/smiley-delay.yaml faces/istio/ingress.yaml"),
    "faces, policies of Istio": (Mesh.ISTIO, "faces/*.yaml clients faces/istio/restrict-faces.yaml faces/istio/allow-color.yaml faces/istio/ingress.yaml"),
    "faces, a way out": (Mesh.ISTIO, "faces/*.yaml clients faces/egress/partner.yaml"),
    "faces, split by Linkerd": (Mesh.LINKERD, "faces/*.yaml clients faces/linkerd/color-split-ports.yaml"),
    "faces, gRPC": (Mesh.LINKERD, "faces/*.yaml clients faces/linkerd/color-split-grpc.yaml"),
    "faces, HTTP": (Mesh.LINKERD, "faces/*.yaml clients faces/linkerd/color-split-http.yaml"),
    "faces, policies of Linkerd": (Mesh.LINKERD, "faces/*.yaml clients faces/linkerd/restrict-faces.yaml faces/linkerd/allow-color.yaml"),
    "frontend, routed by header": (Mesh.ISTIO, "frontend-backend/*.yaml clients frontend-backend/istio"),
    "frontend, closed": (Mesh.ISTIO, "frontend-backend/*.yaml clients frontend-backend/closed"),
    "frontend, route on a Server": (Mesh.LINKERD, "frontend-backend/*.yaml clients frontend-backend/linkerd"),
    "frontend, network policy": (Mesh.ISTIO, "frontend-backend/*.yaml clients frontend-backend/network-policies/port.yaml"),
    "frontend, network policy of Linkerd": (Mesh.LINKERD, "frontend-backend/*.yaml clients frontend-backend/network-policies/proxy-port.yaml"),
}  # fmt: skip
"""The mesh that holds the workloads, and what of the repository's manifests is there."""


def shipped() -> Iterator[Estate]:
    """Yields the configurations of the repository."""
    for name, (mesh, patterns) in SHIPPED.items():
        paths = []
        for pattern in patterns.split():
            matching = [path for folder in FOLDERS for path in sorted(folder.glob(pattern))]
            assert matching, f"{name}: nothing is called {pattern}"
            paths += matching
        yield Estate(name, tuple(each for path in paths for each in read_manifests(path)), mesh)


def small() -> Iterator[Estate]:
    """Yields small configurations, each with something of all that one subject has."""
    for mesh in Mesh:
        apps = read_manifests(SMALL / f"{mesh}-apps.yaml")
        for path in sorted(SMALL.glob(f"{mesh}-*.yaml")):
            if not path.stem.endswith("-apps"):
                yield Estate(path.stem, (*apps, *read_manifests(path)), mesh)


def folder(path: Path) -> Estate:
    """Returns what a folder and those below it hold, in the mesh that it is written for.

    Of objects with one name the last counts; what the model doesn't take is left out.
    """
    objects: dict[tuple[str, ...], Resource] = {}
    for file in sorted(each for each in path.rglob("*") if each.suffix in (".yaml", ".yml")):
        try:
            objects |= {each.key: each for each in read_manifests(file)}
        except HarnessError:
            continue
    meshes = []
    for each in objects.values():
        try:
            meshes += [mesh for mesh in meshes_used([each]) if each.namespace not in PLATFORM]
        except HarnessError:
            continue
    mesh = max(Mesh, key=meshes.count)
    return Estate(path.name, tuple(_taken(list(objects.values()), mesh)), mesh)


def _taken(objects: list[Resource], mesh: Mesh) -> list[Resource]:
    """The objects that the model takes together, found by halves."""
    kept: list[Resource] = []

    def add(some: list[Resource]) -> None:
        try:
            state_of([*kept, *some], mesh)
            kept.extend(some)
        except (HarnessError, AssertionError):
            if len(some) > 1:
                half = len(some) // 2
                add(some[:half])
                add(some[half:])

    add(objects)
    return kept

"""What a live cluster holds at this moment, all of it or what stands for a scenario; nothing is changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from harness.api.gateway_api import GROUP
from harness.api.kubernetes.metadata import Metadata
from harness.api.schema.foreign import moves_traffic
from harness.base import ROOT_NAMESPACE, InputError, Mesh
from harness.base.vocabulary import CONTROL_PLANES, LINKERD_NAMESPACE
from harness.cluster.api import Client, Endpoint, discovery
from harness.cluster.api.discovery import DAEMON_SETS
from harness.manifests.objects import from_api

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from harness.base import Resource
    from harness.cluster.api import Json

Group = dict[str, list["Json"]]
"""The kinds of an API group that discovery tells, by version."""

_PAGE = 500
"""Objects that are asked for at once."""

_CORE = (
    discovery.NAMESPACES, discovery.SERVICES, discovery.PODS, discovery.NODES,
    discovery.DEPLOYMENTS, discovery.STATEFUL_SETS, discovery.DAEMON_SETS,
    *(Endpoint("v1", plural, namespaced=True) for plural in ("serviceaccounts", "configmaps", "endpoints")),
    Endpoint("discovery.k8s.io/v1", "endpointslices", namespaced=True),
    Endpoint("networking.k8s.io/v1", "networkpolicies", namespaced=True),
    Endpoint("networking.k8s.io/v1", "ingresses", namespaced=True),
    Endpoint("admissionregistration.k8s.io/v1", "mutatingwebhookconfigurations", namespaced=False),
)  # fmt: skip
# All kinds of these groups are read: what the model doesn't know among them is its to refuse, by name.
_GROUPS = ("istio.io", "linkerd.io", "gateway.networking.k8s.io")
_SECRETS = Endpoint("v1", "secrets", namespaced=True)

# What labels the pods of a control plane.
_LABELS = {Mesh.ISTIO: ("app", "istiod"), Mesh.LINKERD: ("linkerd.io/control-plane-component", "destination")}

SETTINGS = frozenset(((ROOT_NAMESPACE, "istio"), (LINKERD_NAMESPACE, "linkerd-config")))
"""The ConfigMaps, by namespace and name, in which the meshes keep what they were installed with."""

_DERIVED = frozenset(("Node", "MutatingWebhookConfiguration", "Endpoints", "EndpointSlice", "Secret"))

ENFORCING = frozenset(
    "anetd antrea-agent azure-npm calico-node canal cilium kindnet kube-router ovnkube-node weave-net".split()
)
"""DaemonSets of plugins that do, kind's own since kind 0.24 [Kubernetes: Network Policies, prerequisites]."""


@dataclass(frozen=True)
class Snapshot:
    """A cluster's objects, as a dump would have them, and the meshes whose control planes run in it.

    Of Secrets there are names alone, and of the `definitions` of the kinds of the meshes and the Gateway API
    which versions are served.
    """

    objects: tuple[Resource, ...]
    meshes: frozenset[Mesh]
    definitions: tuple[Resource, ...] = ()


def read(context: str, kubeconfig: Path | None = None, namespaces: Collection[str] | None = None) -> Snapshot:
    """Returns what there is of the kinds that decide on requests.

    `context` is one of the kubeconfig's (None: kubectl's own files) by its name; its current one never
    counts. Where `namespaces` are given, only those are read, and those that hold control planes.
    Raises InputError for none, MissingError for an unknown context, ApiError where the cluster doesn't answer
    or forbids it.
    """
    if not context:
        raise InputError("no context is named", todo="name it: the current one is never taken")
    client = Client(kubeconfig, context)
    try:
        return take(client, f"context {context}", namespaces)
    finally:
        client.close()


def take(client: Client, source: str, namespaces: Collection[str] | None = None) -> Snapshot:
    """Returns the same through a client; `source` is what errors call the cluster."""
    planes = {mesh: _namespaces_of(client, *label) for mesh, label in _LABELS.items()}
    inside = None if namespaces is None else sorted({*namespaces, *chain.from_iterable(planes.values())})
    groups = tuple(_groups(client))
    endpoints = dict.fromkeys((*_CORE, *_endpoints(groups), *_endpoints(_foreign(client))))
    objects = [live for endpoint in endpoints for live in _all(client, endpoint, inside)]
    objects += _secrets(client, objects)
    meshes = frozenset(mesh for mesh, homes in planes.items() if homes)
    return Snapshot(from_api(objects, source), meshes, from_api(_definitions(groups), source))


def _namespaces_of(client: Client, label: str, value: str) -> set[str]:
    query = {"labelSelector": f"{label}={value}"}
    deployments = client.list(discovery.DEPLOYMENTS.collection(), query)
    return {Metadata.live(deployment).namespace for deployment in deployments}


def _groups(client: Client) -> Iterator[Group]:
    """The meshes' and the Gateway API's groups: what each version serves, the preferred one first."""
    for group in client.get("/apis").get("groups") or ():
        if group["name"].endswith(_GROUPS):
            preferred = group["preferredVersion"]["groupVersion"]
            versions = [version["groupVersion"] for version in group["versions"]]
            ordered = sorted(versions, key=lambda version: version != preferred)
            yield {version: discovery.served(client.get(discovery.root(version))) for version in ordered}


def _foreign(client: Client) -> Iterator[Group]:
    """Other groups' kinds that can move traffic, in the preferred version: the model names their objects."""
    for group in client.get("/apis").get("groups") or ():
        name = group["name"]
        if moves_traffic(name) and not name.endswith(_GROUPS):
            version = group["preferredVersion"]["groupVersion"]
            served = discovery.served(client.get(discovery.root(version)))
            yield {version: [entry for entry in served if moves_traffic(name, entry["kind"])]}


def _endpoints(groups: Iterable[Group]) -> Iterator[Endpoint]:
    """The endpoints of all kinds, each in its preferred version."""
    for group in groups:
        seen: set[str] = set()
        for version, entries in group.items():
            for entry in entries:
                if "list" in entry["verbs"] and entry["kind"] not in seen:
                    seen.add(entry["kind"])
                    yield Endpoint(version, entry["name"], entry["namespaced"])


def _definitions(groups: Iterable[Group]) -> Iterator[Json]:
    """The kinds' definitions, as far as everybody may see them: names, and versions that are served."""
    for group in groups:
        versions: dict[tuple[str, str], list[str]] = {}
        for version, entries in group.items():
            for entry in entries:
                versions.setdefault((entry["kind"], entry["name"]), []).append(version)
        for (kind, plural), served in versions.items():
            name = served[0].rpartition("/")[0]
            yield {
                "apiVersion": "apiextensions.k8s.io/v1",
                "kind": "CustomResourceDefinition",
                "metadata": {"name": f"{plural}.{name}"},
                "spec": {
                    "group": name,
                    "names": {"kind": kind, "plural": plural},
                    "versions": [{"name": version.rpartition("/")[2], "served": True} for version in served],
                },
            }


def _all(client: Client, endpoint: Endpoint, namespaces: Collection[str] | None) -> Iterator[Json]:
    """The objects of a kind, in these namespaces if it has any."""
    limited = namespaces is not None and endpoint.namespaced
    for namespace in namespaces or () if limited else ("",):
        following = ""
        while True:
            query = {"limit": _PAGE} | ({"continue": following} if following else {})
            page = client.get(endpoint.collection(namespace), query)
            # A list's items say neither kind nor version: the list does.
            kind = page["kind"].removesuffix("List")
            for item in page.get("items") or ():
                live = {"apiVersion": page["apiVersion"], "kind": kind, **item}
                if namespaces is None or kind != "Namespace" or Metadata.live(live).name in namespaces:
                    yield live
            following = page["metadata"].get("continue") or ""
            if not following:
                break


def _secrets(client: Client, objects: Collection[Json]) -> Iterator[Json]:
    """The Secrets beside Gateways, which may name them: their names, without what is in them."""
    gateways = [live for live in objects if live["kind"] == "Gateway"]
    pods = [live for live in objects if live["kind"] == "Pod" and "istio" in Metadata.live(live).labels]
    homes = {Metadata.live(live).namespace for live in (*gateways, *pods)} if gateways else set()
    for namespace in sorted(homes):
        for name in client.names(_SECRETS.collection(namespace)):
            yield {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}}


def standing(client: Client, namespaces: Collection[str], meshes: Collection[Mesh]) -> tuple[Resource, ...]:
    """Returns the objects in these namespaces, and what holds for the whole of these meshes, older first.

    Without what a cluster makes by itself: pods of controllers, endpoints, webhooks' certificates.
    """
    systems = {CONTROL_PLANES[mesh] for mesh in meshes}
    taken = take(client, "the cluster", {*namespaces, *systems})
    own = (each for each in taken.objects if _is_mesh_wide(each, systems) or _is_own(each, namespaces))
    # What is served of the Gateway API decides which of its routes a mesh reads.
    served = (each for each in taken.definitions if each.name.endswith(f".{GROUP}"))
    return (*served, *own)


def _is_mesh_wide(resource: Resource, systems: Collection[str]) -> bool:
    if resource.namespace not in systems:
        return False
    if resource.kind == "ConfigMap":
        return (resource.namespace, resource.name) in SETTINGS
    return resource.namespace == ROOT_NAMESPACE and resource.group.endswith("istio.io")


def _is_own(resource: Resource, namespaces: Collection[str]) -> bool:
    if resource.home not in namespaces:
        return False
    controlled = Metadata.of(resource).controller is not None
    default = resource.kind == "ServiceAccount" and resource.name == "default"
    return not (controlled or default or resource.kind in _DERIVED)


def lacking_enforcement(client: Client) -> str | None:
    """Returns why NetworkPolicies may act on nobody here, None if a plugin is there that enforces them."""
    names = {Metadata.live(item).name for item in client.list(DAEMON_SETS.collection())}
    if names & ENFORCING:
        return None
    return f"none of its DaemonSets is a plugin known to enforce NetworkPolicies ({', '.join(sorted(names))})"

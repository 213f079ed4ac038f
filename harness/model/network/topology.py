"""Nodes and zones of pods, as far as a dump tells them; which pods of a Service they keep a client to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.service import Service
from harness.base import explored
from harness.base.errors import not_modelled
from harness.traffic.trace import Action, step

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.message import Endpoint
    from harness.model.state import Pod, State
    from harness.traffic.trace import Step

REGION, ZONE, SUBZONE = (
    "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone",
    "topology.istio.io/subzone",
)
_PARTS = (REGION, ZONE, SUBZONE)
HOSTNAME = "kubernetes.io/hostname"
_OLD = {
    REGION: "failure-domain.beta.kubernetes.io/region",
    ZONE: "failure-domain.beta.kubernetes.io/zone",
}
_BY_LOAD = "service.kubernetes.io/topology-mode"
SAME_ZONE, SAME_NODE = ("PreferClose", "PreferSameZone"), "PreferSameNode"


class Locality(NamedTuple):
    """A region, a zone in it, and a part of that; empty where nothing says it."""

    region: str = ""
    zone: str = ""
    subzone: str = ""

    @classmethod
    def parse(cls, text: str) -> Locality:
        """Returns what `region/zone/subzone` says."""
        return cls(*(*text.split("/"), "", "")[:3])

    def __str__(self) -> str:
        return "/".join(self).rstrip("/")


def locality(state: State, pod: Pod) -> Locality | None:
    """Returns where a pod is by its node's labels, or its own copies of those; None if nobody knows."""
    node = state.get("", "Node", "", pod.node) if pod.node else None
    labels = labels_of(node) if node is not None else pod.labels
    region, zone, subzone = (labels.get(name) or labels.get(_OLD.get(name, ""), "") for name in _PARTS)
    return Locality(region, zone, subzone) if node is not None or region or zone else None


def _node(pod: Pod) -> str:
    return pod.node


@dataclass(frozen=True)
class Near:
    """The endpoints that a client is kept to, why, and the setting where it isn't known which those are."""

    endpoints: tuple[Endpoint, ...]
    trace: tuple[Step, ...] = ()
    setting: str = ""


def on_node(state: State, client: Pod, service: Resource, ready: tuple[Endpoint, ...]) -> Near:
    """Returns the endpoints that `internalTrafficPolicy: Local` leaves: those on the client's node.

    Raises NotModelledError where nodes aren't known, but of a DaemonSet, which has a pod on each.
    """
    if Service.kept(service).internal_policy != "Local" or not ready:
        return Near(ready)
    field = "spec.internalTrafficPolicy"
    node = explored.of_pod(_node, client)
    if node and all(endpoint.pod.node for endpoint in ready):
        kept = tuple(endpoint for endpoint in ready if endpoint.pod.node == node)
        text = "keeps to pods on the client's node: {} of {}"
        return Near(kept, (step(service, field, Action.MATCHED, text, len(kept), len(ready)),))
    owners = {endpoint.pod.workload for endpoint in ready}
    if all(state.get("apps", "DaemonSet", owner.namespace, owner.name) for owner in owners):
        text = "keeps to the client's node, on which the DaemonSet has a pod"
        return Near(ready, (step(service, field, Action.LEFT_OPEN, text),), "the client's node")
    raise not_modelled(service, field, "which pods are on the client's node isn't known: a dump tells that")


def near(state: State, client: Pod, service: Resource, ready: tuple[Endpoint, ...], *, nodes: bool) -> Near:
    """Returns the endpoints that EndpointSlices' hints leave a client: its zone's (or node's), if it has any.

    `nodes` says whether hints for nodes are read. [Kubernetes: Service, trafficDistribution]
    """
    mine = on_node(state, client, service, ready)
    spec, field = Service.kept(service), "spec.trafficDistribution"
    if mine.endpoints is not ready or mine.setting or len(ready) < 2:
        return mine
    if annotations_of(service).get(_BY_LOAD, "").lower() == "auto":
        text = "gives zones their share of endpoints: which pod gets which share isn't specified"
        why = step(service, f"metadata.annotations.{_BY_LOAD}", Action.LEFT_OPEN, text)
        return Near(ready, (why,), "zones' share of endpoints")
    if spec.distribution not in (*SAME_ZONE, SAME_NODE):
        return Near(ready)
    places = [locality(state, endpoint.pod) for endpoint in ready]
    own = explored.of_pod(locality, client, before=(state,))
    if own is None or None in places:
        text = "prefers pods of the client's zone; which those are isn't known"
        return Near(ready, (step(service, field, Action.LEFT_OPEN, text),), spec.distribution)
    kept: tuple[Endpoint, ...] = ()
    if nodes and spec.distribution == SAME_NODE and client.node:
        kept = tuple(endpoint for endpoint in ready if endpoint.pod.node == client.node)
    if not kept and all(place and place.zone for place in places):  # else there are no hints
        kept = tuple(
            endpoint
            for endpoint, place in zip(ready, places, strict=True)
            if place and place.zone == own.zone
        )
    text = "prefers pods near the client: {} of {}"
    return Near(kept or ready, (step(service, field, Action.MATCHED, text, len(kept or ready), len(ready)),))

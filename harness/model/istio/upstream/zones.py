"""Zones: which of a destination's endpoints an Envoy uses while none fails, and with which weights.

[istio/istio: pilot/pkg/networking/core/loadbalancer]
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, lcm
from typing import TYPE_CHECKING

from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.service import Service
from harness.base import explored
from harness.model.istio import mesh_config
from harness.model.network import topology
from harness.model.network.topology import HOSTNAME, REGION, SAME_NODE, SAME_ZONE, SUBZONE, ZONE, Locality
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.istio.destination_rule import Failover, LocalityLoadBalancer, ZoneAwareLoadBalancer
    from harness.base.resources import Resource
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.state import Pod, State

_LOCALITY = ("topology.istio.io/locality", "istio-locality")
_DISTRIBUTION = "networking.istio.io/traffic-distribution"
_SPELLINGS = {each.lower(): each for each in (*SAME_ZONE, SAME_NODE)}
_NETWORK = "topology.istio.io/network"
_ZONE_FIRST = (_NETWORK, REGION, ZONE)
_NODE_FIRST = (*_ZONE_FIRST, SUBZONE, HOSTNAME)
_NO_RULE = "which pod gets which share isn't specified"

Targets = tuple["Target", ...]
Values = tuple[str, ...]
"""What labels are of a pod, in their order; empty for those that it lacks."""


@dataclass(frozen=True)
class _Setting:
    """What is said of zones: shares by them, else which are preferred; `words` tell it, `why` names it.

    `by_load`: shares go by how many endpoints and clients each zone has.
    """

    why: Step
    words: str
    shares: LocalityLoadBalancer | None = None
    labels: tuple[str, ...] = ()
    failover: tuple[Failover, ...] = ()
    by_load: bool = False

    def rank(self, mine: Values, theirs: Values, own: Locality, place: Locality) -> int:
        """Returns how far an endpoint is from the client: the least is preferred."""
        if not self.labels:
            return _distance(own, place, self.failover)
        rank = _mismatch(self.labels, mine, theirs)
        return 5 * rank + _distance(own, place, self.failover) if self.failover else rank


def shared(
    state: State, client: Pod, service: Resource | None, policy: Policy, targets: Targets
) -> tuple[Targets, Targets, tuple[Step, ...]]:
    """Returns the endpoints that a client's proxy uses while none fails, those for when some do, and why.

    The first have their weights. Where it isn't known who is in which zone these are all, with the setting
    in the zone's place.
    """
    if not targets or (setting := _setting(state, service, policy)) is None:
        return targets, (), ()
    if len(targets) == 1 and setting.shares is None:  # which may leave that one out
        return targets, (), ()
    own, mine = explored.of_pod(_position, client, before=(state, setting.labels))
    places = [_locality(state, target.endpoint.pod, target.labels, target.locality) for target in targets]
    known = tuple(place for place in places if place is not None)
    if own is None or len(known) < len(places) or setting.by_load:
        text = f"goes by zones ({{}}), which pods don't tell: {_NO_RULE}"
        if setting.by_load:
            text = f"goes by zones ({{}}): {_NO_RULE}"
        left_open = tuple(replace(target, zone=setting.words) for target in targets)
        return left_open, (), (setting.why.reworded(Action.LEFT_OPEN, text, setting.words),)
    if setting.shares is not None:
        shares, trace = _distributed(setting, own, targets, known)
        return shares, (), trace
    ranks = [
        setting.rank(mine, _topology(setting.labels, target.labels, place, target.endpoint.pod), own, place)
        for target, place in zip(targets, known, strict=True)
    ]
    best = min(ranks)
    if best == max(ranks):
        return targets, (), ()
    placed = [replace(target, zone=str(place)) for target, place in zip(targets, known, strict=True)]
    near = tuple(target for target, rank in zip(placed, ranks, strict=True) if rank == best)
    others = tuple(target for target, rank in zip(placed, ranks, strict=True) if rank != best)
    text = "prefers what is near {} ({}): {} of {} endpoints, while they don't fail"
    why = setting.why.reworded(Action.MATCHED, text, str(own), setting.words, len(near), len(targets))
    return near, others, (why,)


def _distributed(
    setting: _Setting, own: Locality, targets: Targets, places: tuple[Locality, ...]
) -> tuple[Targets, tuple[Step, ...]]:
    """The endpoints by the shares that a client's zone gives others [istio/istio: applyLocalityWeights]."""
    assert setting.shares is not None
    rule = next((rule for rule in setting.shares.distribute if _matches(own, rule.source)), None)
    if rule is None:
        return targets, ()
    groups: dict[Locality, int] = defaultdict(int)
    for target, place in zip(targets, places, strict=True):
        groups[place] += target.weight
    weights: dict[Locality, int] = {}
    for wanted, weight in rule.shares.items():
        fitting = [place for place in groups if place not in weights and _matches(place, wanted)]
        total = sum(groups[place] for place in fitting)
        weights |= {place: ceil(Fraction(groups[place] * weight, total)) for place in fitting}
    shares = [
        (replace(target, zone=str(place)), Fraction(weights[place] * target.weight, groups[place]))
        for target, place in zip(targets, places, strict=True)
        if weights.get(place)
    ]
    whole = lcm(*(share.denominator for _, share in shares))
    listed = ", ".join(f"{place} {weight}" for place, weight in sorted(weights.items()))
    text = "is for clients in {}: {}"
    why = step(rule.resource, rule.path, Action.SHARED, text, str(own), listed or "no endpoint is there")
    return tuple(replace(target, weight=int(share * whole)) for target, share in shares), (why,)


def _setting(state: State, service: Resource | None, policy: Policy) -> _Setting | None:
    """The first that says anything: the DestinationRule, the Service, the mesh [GetEffectiveLbSetting]."""
    balancer, mesh, ejects = policy.load_balancer, mesh_config.of(state), policy.outlier_detection
    for node in (balancer, mesh):
        if node is not None and node.has("zoneAwareLbSetting"):
            return _zone_aware(node.zones)
        if node is not None and (node is mesh or node.has("localityLbSetting")):
            break
        if service is not None and (preferred := _preferred(state, service)):
            return preferred
    assert node is not None
    locality = node.locality
    if not locality.enabled:
        return None
    if locality.distribute:
        why = step(locality.resource, locality.path, Action.MATCHED, "")
        shares = "; ".join(
            f"{rule.source} to {', '.join(f'{to} {share}' for to, share in sorted(rule.shares.items()))}"
            for rule in locality.distribute
        )
        return _Setting(why, shares, shares=locality)
    if ejects is None:  # without it nothing fails over, and nothing is preferred
        return None
    own = ejects if node is mesh and not node.has("localityLbSetting") else locality
    why = step(own.resource, own.path, Action.MATCHED, "")
    regions = [f"{each.source} before {each.target}" for each in locality.failover]
    words = ", ".join((*locality.failover_priority, *regions)) or "the nearest first"
    return _Setting(why, words, labels=locality.failover_priority, failover=locality.failover)


def _zone_aware(zones: ZoneAwareLoadBalancer) -> _Setting | None:
    if not zones.enabled:
        return None
    why = step(zones.resource, zones.path, Action.MATCHED, "")
    return _Setting(why, "as zones have endpoints", by_load=True)


def _preferred(state: State, service: Resource) -> _Setting | None:
    """What a Service prefers: by its field, or else an annotation, its own or its namespace's."""
    wanted, field = Service.kept(service).distribution, "spec.trafficDistribution"
    origin = service
    if wanted not in (*SAME_ZONE, SAME_NODE):
        namespace = state.get("", "Namespace", "", service.namespace)
        for origin in filter(None, (service, namespace)):
            wanted, field = annotations_of(origin).get(_DISTRIBUTION, "").lower(), "metadata.annotations"
            if wanted:
                break
    preferred = _SPELLINGS.get(wanted.lower())
    if preferred is None:
        return None
    labels = _NODE_FIRST if preferred == SAME_NODE else _ZONE_FIRST
    return _Setting(step(origin, field, Action.MATCHED, ""), preferred, labels=labels)


def _locality(
    state: State, pod: Pod, labels: Mapping[str, str], written: str | None = None
) -> Locality | None:
    """Where an endpoint or a client is; None if nobody knows.

    What an entry has `written` comes before its label; a node's labels count for a pod that is there by
    itself alone [istio/istio: convertWorkloadEntryToWorkloadInstance, getPodLocality].
    """
    if written:
        return Locality.parse(written)
    own = next((labels[name] for name in _LOCALITY if name in labels), "")
    if own:
        return Locality.parse(own if "/" in own else own.replace(".", "/"))
    if written is not None or pod.outside:
        return Locality()
    return topology.locality(state, pod)


def _position(state: State, labels: tuple[str, ...], pod: Pod) -> tuple[Locality | None, Values]:
    """Where a client is, and what these labels are of it."""
    place = _locality(state, pod, pod.labels)
    return place, _topology(labels, pod.labels, place or Locality(), pod)


def _topology(names: tuple[str, ...], labels: Mapping[str, str], place: Locality, pod: Pod) -> Values:
    """What a pod's labels are, with those that tell where it is [istio/istio: AugmentLabels]."""
    own = {REGION: place.region, ZONE: place.zone, SUBZONE: place.subzone, HOSTNAME: pod.node}
    asked = (name.partition("=")[0] for name in names)
    return tuple(own.get(name) or labels.get(name, "") for name in asked)


def _matches(place: Locality, wanted: str) -> bool:
    asked = Locality.parse(wanted)
    region = asked.region in ("*", place.region)
    return region and asked.zone in ("*", "", place.zone) and asked.subzone in ("*", "", place.subzone)


def _distance(own: Locality, place: Locality, failover: tuple[Failover, ...]) -> int:
    if own.region == place.region:
        return 0 if own == place else 1 if own.zone == place.zone else 2
    rule = next((each for each in failover if each.source == own.region), None)
    return 3 if rule is None or rule.target == place.region else 4


def _mismatch(labels: tuple[str, ...], mine: Values, theirs: Values) -> int:
    """How soon labels differ, the first in the list counting most [applyFailoverPriorityPerLocality]."""
    apart = 0
    for index, label in enumerate(labels):
        _, written, value = label.partition("=")
        if (value if written else mine[index]) == theirs[index]:
            continue
        if index == 0 and labels[0] == _NETWORK:
            apart = len(labels)
            continue
        return apart + len(labels) - index
    return apart

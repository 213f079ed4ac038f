"""The order of namespaces in a migration, and what each of its stages needs."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.discover.call_graph import Call, call_graph
from harness.analysis.discover.movable import Places
from harness.analysis.discover.ordering import MOVED, STAYING, arrangement
from harness.analysis.discover.trust import Trust, trusts
from harness.base.vocabulary import Mesh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.discover.trust import Trusts
    from harness.base.resources import Resource
    from harness.manifests.patching import Patch

# Observed: meshed by Linkerd, Istio's gateway reaches STRICT sidecars by Istio's mutual TLS, as before, and
# pods of Linkerd's by Linkerd's.
_FIRST = (
    "first, so that no call of it is ever a boundary: its Envoy goes on with Istio's mutual TLS to sidecars, "
    "and Linkerd's proxy around it begins Linkerd's to moved pods (`harness translate` has the patch)"
)
_LAST = (
    "last, since Linkerd can't mesh it: Istio's injector completes its pods. Until another ingress takes its "
    "place, its calls to moved namespaces are plaintext"
)


@dataclass(frozen=True)
class Need:
    """What has to be eased in a stage, since callers come in plaintext: which field, and how."""

    place: str
    trust: Trust
    todo: str


@dataclass(frozen=True)
class Stage:
    """A place moves; `boundaries` are the calls that are plaintext from then on, until the next stage."""

    moves: str
    gateway: bool
    why: str
    boundaries: tuple[Call, ...]
    needs: tuple[Need, ...]


@dataclass(frozen=True)
class Migration:
    """An order to migrate in. `exact`: no other one has fewer boundaries, summed over its stages.

    `assumed`: no object says which namespaces are in Istio's mesh, so all with workloads are taken to be.
    `before` are the boundaries that there are already, `places` all that are in a mesh, of which Linkerd has
    `moved` ones already; `graph` are the calls between them.
    """

    stages: tuple[Stage, ...]
    before: tuple[Call, ...]
    exact: bool
    assumed: bool
    places: tuple[str, ...]
    moved: frozenset[str]
    graph: tuple[Call, ...]

    @property
    def calls(self) -> int:
        """The number of calls between places that are known."""
        return len(self.graph)

    @property
    def boundaries(self) -> int:
        """The number of calls that are plaintext, summed over the stages."""
        return sum(len(stage.boundaries) for stage in self.stages)


def migration(resources: Iterable[Resource], patches: Iterable[Patch] = ()) -> Migration:
    """Returns the order in which to move an estate's namespaces and gateways from Istio to Linkerd.

    Places move one at a time; a call between one that has moved and one that hasn't is plaintext. The order
    has the fewest of these, summed over its stages. The translation's `patches` tell which gateways Linkerd
    can mesh. Raises InputError for objects that aren't whole.
    """
    places = Places.of(resources)
    calls = call_graph(places)
    linkerd = {place for place, mesh in places.meshes.items() if mesh is Mesh.LINKERD}
    gateways = {place for place in places.meshes if places.is_gateway(place)}
    meshable = (gateways - linkerd) & {f"{patch.target.namespace}/{patch.target.name}" for patch in patches}
    last = sorted(gateways - linkerd - meshable)
    # A gateway that Linkerd meshes is on both sides: it takes part in no boundary.
    crossing = [call for call in calls if not {call.source, call.target} & gateways.difference(last)]
    side = dict.fromkeys(linkerd, MOVED) | dict.fromkeys(last, STAYING)
    pairs = Counter(
        frozenset(side.get(place, place) for place in (call.source, call.target)) for call in crossing
    )
    weights = {pair: weight for pair, weight in pairs.items() if len(pair) == 2 and pair != {MOVED, STAYING}}
    guards = trusts(places, crossing)
    callers = {
        place: frozenset(side.get(call.source, call.source) for calls in trusted.values() for call in calls)
        for place, trusted in guards.items()
    }
    moving = [place for place in places.meshes if place not in linkerd and not places.is_gateway(place)]
    best = arrangement(moving, weights, callers)
    stages, moved = [], linkerd | meshable
    for place in (*sorted(meshable), *best.order, *last):
        moved = moved | {place}
        why = _FIRST if place in meshable else _LAST if place in last else ""
        boundaries = _cut(crossing, moved)
        stages.append(Stage(place, bool(why), why, boundaries, _needs(guards, boundaries, moved)))
    before = _cut(crossing, linkerd | meshable)
    return Migration(
        tuple(stages), before, best.exact, places.assumed, tuple(places.meshes), frozenset(linkerd), calls
    )


def _cut(calls: Iterable[Call], moved: set[str]) -> tuple[Call, ...]:
    return tuple(call for call in calls if (call.source in moved) is not (call.target in moved))


def _needs(guards: Trusts, boundaries: Iterable[Call], moved: set[str]) -> tuple[Need, ...]:
    return tuple(
        Need(target, trust, trust.eased(has_moved=target in moved))
        for target, trusted in sorted(guards.items())
        for trust, calls in trusted.items()
        if not set(calls).isdisjoint(boundaries)
    )

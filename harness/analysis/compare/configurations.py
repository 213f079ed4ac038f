"""The two configurations of a comparison: manifests read, each as the state of a cluster."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from harness.analysis.explore.requests import with_pods
from harness.api.kubernetes.workload import is_workload
from harness.api.schema.kinds import GATEWAY_API, MESH_OF_GROUP
from harness.base.vocabulary import Mesh
from harness.model.changes.loading import load_objects
from harness.model.changes.pods import meshed
from harness.model.leniency import Leniency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.base.resources import Resource
    from harness.model import State
    from harness.model.state import Pod


def sides(
    before: Sequence[Resource],
    after: Sequence[Resource],
    beside: Sequence[Resource] = (),
    mesh_before: Mesh | None = None,
    mesh_after: Mesh | None = None,
    *,
    whole: bool = False,
    strict: bool = False,
) -> tuple[State, State]:
    """Returns the states of two configurations; `beside` are objects of both (apps, Services).

    What is `retained` is there after, too, unless AFTER is `whole`. With a mesh all namespaces with
    workloads are in it, whatever their labels say; ingress gateways, too, where it is Linkerd. Strict, it
    raises what `load_objects` does; else the states name what they are decided without.
    """
    kept = [] if whole else retained(before, after)
    old = state_of([*beside, *before], mesh_before, strict=strict)
    return old, state_of([*beside, *kept, *after], mesh_after, strict=strict)


def retained(before: Sequence[Resource], after: Sequence[Resource]) -> list[Resource]:
    """Returns what BEFORE has and AFTER is taken to have, too, though it doesn't list it.

    That is the estate itself (namespaces, workloads, Services: all that no mesh's API owns), where AFTER is
    configuration alone, as a translation is. If AFTER repeats any of that unchanged it lists all there is:
    what isn't listed is gone.
    """
    listed, meshes = {resource.key: resource for resource in after}, {*MESH_OF_GROUP, GATEWAY_API}
    own = [resource for resource in before if resource.group not in meshes]
    if any(listed.get(resource.key) == resource for resource in own):
        return []
    return [resource for resource in own if resource.key not in listed]


def stated(stays: Sequence[Resource]) -> str:
    """Returns the words for objects that are taken to stay."""
    counts = Counter(resource.kind for resource in stays)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"taken to be on the second side, too, as it repeats none of them: {kinds}"


def state_of(resources: Sequence[Resource], mesh: Mesh | None, *, strict: bool = True) -> State:
    """Returns the state of a cluster with these objects; with a mesh all that has workloads is in it."""
    leniency = None if strict else Leniency()
    if mesh is None:
        return load_objects([resources], leniency=leniency)
    namespaces = {resource.namespace for resource in resources if is_workload(resource)}
    state = load_objects([resources], None, dict.fromkeys(sorted(namespaces), mesh), leniency)
    return with_pods(state, _with_linkerd) if mesh is Mesh.LINKERD else state


def _with_linkerd(pod: Pod) -> Pod:
    """The pod with Linkerd's proxy beside it if it is an ingress gateway of Istio's, as translations do."""
    return meshed(pod, Mesh.LINKERD) if pod.gateway else pod

"""Which requests meet what changes a proxy beyond what the model reads of it.

A request that meets nothing of it is decided as ever; the trace of one that does names the object and the
field. Which proxies an object is for: by labels, targets and namespaces, as policies are
[istio/istio: pilot/pkg/model/policyattachment.go].
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from harness.api.istio.hosts import covers
from harness.api.istio.proxy_changes import GATEWAY, KINDS, OUTBOUND, Change, Level, changes
from harness.api.kubernetes.selector import selects
from harness.api.marks import GATEWAY_NAME
from harness.api.schema import foreign
from harness.base import explored
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model.istio import revision
from harness.model.state.tables import grouped, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.state import Pod, State


_NOT_MODELLED = "not modelled: {}"


def at_listener(
    state: State, pod: Pod, context: str, ports: frozenset[int], *, http: bool
) -> tuple[Step, ...]:
    """Returns what a connection meets at a proxy's listener, by its ports: as HTTP, or as bytes.

    Without ports nobody knows which listener it is.
    """
    levels = (Level.PROXY, Level.LISTENER, *((Level.HTTP,) if http else ()))
    return _met(state, pod, lambda each: each.level in levels and each.is_at(context, ports))


def at_virtual_host(
    state: State, pod: Pod, context: str, ports: frozenset[int], host: str | None = None
) -> tuple[Step, ...]:
    """Returns what a request meets at the virtual host for a host (None: nobody knows which)."""

    def fits(each: Change) -> bool:
        there = each.level is Level.ROUTE and each.is_at(context, ports)
        return there and (not each.host or host is None or covers(each.host, host))

    return _met(state, pod, fits)


def at_cluster(
    state: State, pod: Pod, context: str, port: int, host: str | None = None, subset: str = ""
) -> tuple[Step, ...]:
    """Returns what a request meets on its way to a port of a service (None: of one that nobody knows)."""
    ports = frozenset((port,))

    def fits(each: Change) -> bool:
        there = each.level is Level.CLUSTER and each.is_at(context, ports)
        return there and (host is None or each.host in ("", host)) and each.subset in ("", subset)

    return _met(state, pod, fits)


def sending(pod: Pod) -> str:
    """Returns the context in which a proxy sends requests on."""
    return GATEWAY if pod.gateway else OUTBOUND


def _met(state: State, pod: Pod, fits: Callable[[Change], bool]) -> tuple[Step, ...]:
    """What changes a pod's proxy and fits: a step for each object and field."""
    if not _by_namespace(state):
        return ()
    found = ((each, why) for each, why in explored.of(_told, state, pod.namespace) if fits(each))
    return tuple(dict.fromkeys(why for each, why in found if _selects(each, pod)))


def _selects(change: Change, pod: Pod) -> bool:
    """Whether a pod's proxy is meant: by a target only if it serves that Gateway."""
    if change.gateways is None:
        return selects(change.labels, pod.labels)
    own = pod.gateway is not None and pod.namespace == change.resource.namespace
    return own and pod.labels.get(GATEWAY_NAME) in change.gateways


def _told(state: State, namespace: str) -> tuple[tuple[Change, Step], ...]:
    """The changes that proxies of a namespace may be told of."""
    table = _by_namespace(state)
    return tuple(
        chain.from_iterable(table.get(each, ()) for each in dict.fromkeys((ROOT_NAMESPACE, namespace)))
    )


@per_state
def _by_namespace(state: State) -> dict[str, list[tuple[Change, Step]]]:
    if Mesh.ISTIO not in state.meshes:
        return {}
    return grouped(
        (
            resource.namespace,
            (change, step(resource, change.field, Action.NOT_MODELLED, _NOT_MODELLED, reason.why)),
        )
        for kind in KINDS
        for resource in revision.acting(state, *kind)
        if (reason := foreign.reason(resource))
        for change in changes(resource)
    )

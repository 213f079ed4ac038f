"""Which policies select a pod's proxy: by labels, by target, from its own or the root namespace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import GROUP, PolicySpec
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.istio import revision
from harness.model.state.tables import SelectorTable, per_pod, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.base.resources import Resource
    from harness.model.state import Pod, State

_GATEWAY_GROUP = "gateway.networking.k8s.io"
_GATEWAY_NAME = f"{_GATEWAY_GROUP}/gateway-name"
_KINDS = ("AuthorizationPolicy", "RequestAuthentication")


@dataclass(frozen=True)
class _Table:
    by_selector: SelectorTable[Resource]
    by_gateway: Mapping[tuple[str, str], list[Resource]]
    targeted: Mapping[str, list[Resource]]


@per_pod
def selecting(state: State, pod: Pod, kind: str) -> list[Resource]:
    """Returns the policies of a kind that are in force at a pod's proxy, those of the root namespace first.

    A target is a Gateway of the Gateway API in the policy's namespace, or what a waypoint serves: a policy
    with targets does nothing at sidecars [istio/istio: pilot/pkg/model/policyattachment.go].
    """
    return _in_force(_tables(state)[kind], pod)


def _in_force(table: _Table, pod: Pod) -> list[Resource]:
    found = [
        policy
        for namespace in dict.fromkeys((ROOT_NAMESPACE, pod.namespace))
        for policy in table.by_selector.selecting(namespace, pod.labels)
    ]
    return found + table.by_gateway.get((pod.namespace, pod.labels.get(_GATEWAY_NAME, "")), [])


def passed_over(state: State, kind: str, pod: Pod) -> list[Step]:
    """Returns why policies don't count: of the pod's namespace for other targets, or not taken in at all."""
    table = _tables(state)[kind]
    own = table.by_gateway.get((pod.namespace, pod.labels.get(_GATEWAY_NAME, "")), [])
    text = "isn't for {}: acts on its targets only"
    elsewhere = [
        step(policy, "spec.targetRefs", Action.HIDDEN, text, pod.workload)
        for policy in table.targeted.get(pod.namespace, ())
        if policy not in own
    ]
    return [*apart(state, kind, pod), *elsewhere]


def apart(state: State, kind: str, pod: Pod) -> list[Step]:
    """Returns why policies for a pod don't count that the control plane doesn't take in."""
    if not revision.apart(state, GROUP, kind):
        return []
    return [revision.why_apart(state, policy) for policy in _in_force(_apart(state)[kind], pod)]


@per_state
def _tables(state: State) -> dict[str, _Table]:
    return {kind: _table(revision.acting(state, GROUP, kind)) for kind in _KINDS}


@per_state
def _apart(state: State) -> dict[str, _Table]:
    return {kind: _table(revision.apart(state, GROUP, kind)) for kind in _KINDS}


def _table(policies: Iterable[Resource]) -> _Table:
    general: list[tuple[str, Mapping[str, str], Resource]] = []
    by_gateway: dict[tuple[str, str], list[Resource]] = {}
    targeted: dict[str, list[Resource]] = {}
    for policy in policies:
        spec = PolicySpec.of(policy)
        if not spec.targets:
            general.append((policy.namespace, spec.labels, policy))
        else:
            targeted.setdefault(policy.namespace, []).append(policy)
        targets = ((target.group, target.kind, target.name) for target in spec.targets)
        for group, kind, name in dict.fromkeys(targets):
            if (group, kind) == (_GATEWAY_GROUP, "Gateway"):
                by_gateway.setdefault((policy.namespace, name), []).append(policy)
    return _Table(SelectorTable(general), by_gateway, targeted)

"""Which policies select a pod's proxy: by labels, by target, from its own or the root namespace."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import GROUP, PolicySpec
from harness.api.marks import GATEWAY_NAME
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.istio import revision
from harness.model.state.tables import SelectorTable, grouped, per_pod, per_state
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource
    from harness.model.state import Pod, State

_GATEWAY_GROUP = "gateway.networking.k8s.io"
_KINDS = ("AuthorizationPolicy", "RequestAuthentication")


class _Table:
    """Policies by what they select: pods' labels, or Gateways; and those with targets by their namespace."""

    def __init__(self, policies: Iterable[Resource]) -> None:
        read = [(policy, PolicySpec.of(policy)) for policy in policies]
        self.by_selector = SelectorTable(
            (policy.namespace, spec.labels, policy) for policy, spec in read if not spec.targets
        )
        self.by_gateway = grouped(
            ((policy.namespace, name), policy)
            for policy, spec in read
            for group, kind, name in dict.fromkeys((to.group, to.kind, to.name) for to in spec.targets)
            if (group, kind) == (_GATEWAY_GROUP, "Gateway")
        )
        self.targeted = grouped((policy.namespace, policy) for policy, spec in read if spec.targets)

    def at_gateway(self, pod: Pod) -> list[Resource]:
        """Returns the policies that target the Gateway that a pod serves."""
        return self.by_gateway.get((pod.namespace, pod.labels.get(GATEWAY_NAME, "")), [])

    def in_force(self, pod: Pod) -> list[Resource]:
        """Returns the policies for a pod's proxy, those of the root namespace first."""
        namespaces = dict.fromkeys((ROOT_NAMESPACE, pod.namespace))
        selecting = (self.by_selector.selecting(namespace, pod.labels) for namespace in namespaces)
        return [*chain.from_iterable(selecting), *self.at_gateway(pod)]


@per_pod
def selecting(state: State, pod: Pod, kind: str) -> list[Resource]:
    """Returns the policies of a kind that are in force at a pod's proxy, those of the root namespace first.

    A target is a Gateway of the Gateway API in the policy's namespace, or what a waypoint serves: a policy
    with targets does nothing at sidecars [istio/istio: pilot/pkg/model/policyattachment.go].
    """
    return _tables(state)[kind].in_force(pod)


def passed_over(state: State, kind: str, pod: Pod) -> list[Step]:
    """Returns why policies don't count: of the pod's namespace for other targets, or not taken in at all."""
    table = _tables(state)[kind]
    own = table.at_gateway(pod)
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
    return [revision.why_apart(state, policy) for policy in _apart(state)[kind].in_force(pod)]


@per_state
def _tables(state: State) -> dict[str, _Table]:
    return {kind: _Table(revision.acting(state, GROUP, kind)) for kind in _KINDS}


@per_state
def _apart(state: State) -> dict[str, _Table]:
    return {kind: _Table(revision.apart(state, GROUP, kind)) for kind in _KINDS}

"""Istio's mutual TLS at a server: the mode at a port (PeerAuthentication)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import GROUP, UNSET, PeerAuthentication
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.istio import revision
from harness.model.state.tables import SelectorTable, per_pod, per_state
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource
    from harness.model.state import Pod, State

DEFAULT, DISABLE = "PERMISSIVE", "DISABLE"


@per_pod
def mode(state: State, pod: Pod, port: int) -> tuple[str, Step]:
    """Returns DISABLE, PERMISSIVE or STRICT for a pod's port, and why.

    Looked for on the port and then the workload (selector), on the namespace, on the mesh (root
    namespace, where selectors count for nothing); of several at one level the oldest counts; UNSET asks the
    next level [istio/istio: ComposePeerAuthentication].
    """
    own = _by_labels(state).selecting(pod.namespace, pod.labels)
    workload = [policy for policy in own if policy.labels and policy.resource.namespace != ROOT_NAMESPACE]
    for policy in workload[:1]:
        setting = policy.ports.get(str(port))
        if setting is not None and setting.mode != UNSET:
            text, field = "is {} for port {}", setting.at("mode")
            return setting.mode, step(policy.resource, field, Action.MATCHED, text, setting.mode, port)
    general = next(_set(workload), None) or _shared(state, pod.namespace)
    if general is not None:
        return general.mtls.mode, _why(general, pod)
    text = "no PeerAuthentication says otherwise: PERMISSIVE takes mutual TLS and plaintext"
    return DEFAULT, built_in(Action.MATCHED, text)


@per_pod
def not_begun(state: State, pod: Pod, port: int) -> Step | None:
    """Returns why clients begin no mutual TLS to a pod's port although its sidecar is there, or None.

    A namespace or mesh that is DISABLE makes its Services' clients speak plaintext, whatever a workload's own
    policy says [istio/istio: BestEffortInferServiceMTLSMode].
    """
    shared = _shared(state, pod.namespace)
    if shared is not None and shared.mtls.mode == DISABLE:
        return _why(shared, pod)
    accepted, why = mode(state, pod, port)
    return why if accepted == DISABLE else None


def _why(policy: PeerAuthentication, pod: Pod) -> Step:
    mode, field = policy.mtls.mode, policy.mtls.at("mode")
    return step(policy.resource, field, Action.MATCHED, "is {} at {}", mode, pod.workload)


def _shared(state: State, namespace: str) -> PeerAuthentication | None:
    """The policy that sets the mode of a namespace's workloads in general, if any: its own, or the mesh's."""
    table = _by_labels(state)
    levels = (
        [policy for policy in table.selecting(level, {}) if not policy.labels]
        for level in (namespace, ROOT_NAMESPACE)
    )
    return next((policy for level in levels for policy in _set(level)), None)


def _set(level: list[PeerAuthentication]) -> Iterator[PeerAuthentication]:
    """The oldest policy of a level, if it sets a mode."""
    yield from (policy for policy in level[:1] if policy.mtls.mode != UNSET)


def passed_over(state: State, pod: Pod) -> list[Step]:
    """Returns why policies for a pod don't count that the control plane doesn't take in."""
    if not revision.apart(state, GROUP, "PeerAuthentication"):
        return []
    table = _apart(state)
    own = [*table.selecting(pod.namespace, pod.labels), *table.selecting(ROOT_NAMESPACE, {})]
    return [revision.why_apart(state, each) for each in dict.fromkeys(policy.resource for policy in own)]


@per_state
def _by_labels(state: State) -> SelectorTable[PeerAuthentication]:
    return _table(revision.acting(state, GROUP, "PeerAuthentication"))


@per_state
def _apart(state: State) -> SelectorTable[PeerAuthentication]:
    return _table(revision.apart(state, GROUP, "PeerAuthentication"))


def _table(resources: Iterable[Resource]) -> SelectorTable[PeerAuthentication]:
    policies = map(PeerAuthentication.of, resources)
    return SelectorTable((policy.resource.namespace, policy.labels, policy) for policy in policies)

"""PeerAuthentication: which mode counts at a pod's port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.objects import spec_of
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.model.state.tables import SelectorTable, per_pod, per_state
from harness.traffic.trace import Reason, Step, reason

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.state.pods import Pod
    from harness.model.state.state import State

DEFAULT = "PERMISSIVE"


@per_pod
def mode(state: State, pod: Pod, port: int) -> tuple[str, Step]:
    """Returns DISABLE, PERMISSIVE or STRICT for a pod's port, and why.

    Looked for on the port and then the workload (selector), on the namespace, on the mesh (root
    namespace, where selectors count for nothing); of several at one level the oldest counts; UNSET asks the
    next level [istio/istio: ComposePeerAuthentication].
    """
    own = _by_selector(state).selecting(pod.namespace, pod.labels)
    workload = [one for one in own if _selector(one) and one.namespace != ROOT_NAMESPACE]
    namespace = [one for one in own if not _selector(one)]
    mesh = [one for one in _by_selector(state).selecting(ROOT_NAMESPACE, {}) if not _selector(one)]
    for one in workload[:1]:
        ports = spec_of(one).get("portLevelMtls") or {}
        said = (ports.get(str(port)) or {}).get("mode", "UNSET")
        if said != "UNSET":
            return said, reason(one, f"spec.portLevelMtls.{port}.mode", f"is {said} for port {port}")
    for level in (workload, namespace, mesh):
        for one in level[:1]:
            said = (spec_of(one).get("mtls") or {}).get("mode", "UNSET")
            if said != "UNSET":
                return said, reason(one, "spec.mtls.mode", f"is {said} at {pod.workload}")
    return DEFAULT, Reason("no PeerAuthentication says otherwise: PERMISSIVE takes mutual TLS and plaintext")


@per_state
def _by_selector(state: State) -> SelectorTable[Resource]:
    every = state.all("security.istio.io", "PeerAuthentication")
    return SelectorTable((one.namespace, _selector(one), one) for one in every)


def _selector(resource: Resource) -> dict[str, str]:
    return (spec_of(resource).get("selector") or {}).get("matchLabels") or {}

"""PeerAuthentication: which mode counts at a pod's port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model.installation import ROOT_NAMESPACE
from harness.model.objects import reason, selects, spec_of
from harness.traffic.trace import Reason

if TYPE_CHECKING:
    from harness.model.pods import Pod
    from harness.model.state import State
    from harness.resources import Resource

DEFAULT = "PERMISSIVE"


def mode(state: State, pod: Pod, port: int) -> tuple[str, Reason]:
    """Returns DISABLE, PERMISSIVE or STRICT for a pod's port, and why.

    Looked for on the port and then the workload (selector), on the namespace, on the mesh (root
    namespace); of several at one level the oldest counts; UNSET asks the next level.
    """
    own = state.all("security.istio.io", "PeerAuthentication", pod.namespace)
    root = state.all("security.istio.io", "PeerAuthentication", ROOT_NAMESPACE)
    workload = [one for one in own if _selector(one) and selects(_selector(one), pod.labels)]
    namespace = [one for one in own if not _selector(one)]
    mesh = [one for one in root if not _selector(one)]
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


def _selector(resource: Resource) -> dict[str, str]:
    return (spec_of(resource).get("selector") or {}).get("matchLabels") or {}

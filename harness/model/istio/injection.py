"""Which pods Istio's injector gives a proxy, once its webhook is asked about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api import marks
from harness.api.kubernetes.metadata import labels_of
from harness.base.errors import not_modelled
from harness.base.vocabulary import Mesh
from harness.traffic.observables import Proxy

if TYPE_CHECKING:
    from harness.model.control_plane import Candidate

_NEVER_INJECTED = frozenset(("kube-system", "kube-public", "kube-node-lease", "local-path-storage"))


def inject(candidate: Candidate) -> Proxy | None:
    """Returns Istio's proxy if it is injected [istio/istio: pkg/kube/inject, injectRequired]."""
    metadata = candidate.metadata
    declined = marks.choice(Mesh.ISTIO, metadata.labels, metadata.annotations) is False
    if declined or candidate.spec.host_network or candidate.namespace.name in _NEVER_INJECTED:
        return None
    native = metadata.annotations.get("sidecar.istio.io/nativeSidecar") != "false"
    return Proxy(Mesh.ISTIO, native=native)


def refuse_unknown_revisions(candidate: Candidate, running: frozenset[str]) -> None:
    """Raises NotModelledError where another revision or tag is asked than those that run.

    No webhook tells whether it is there.
    """
    of_namespace, of_pod = labels_of(candidate.namespace), candidate.metadata.labels
    if marks.ISTIO_INJECTION in of_namespace or of_pod.get(marks.ISTIO_INJECT) == "false":
        return
    for owner, labels in ((candidate.namespace, of_namespace), (candidate.workload, of_pod)):
        revision = labels.get(marks.ISTIO_REVISION)
        if revision not in (None, "default", *running):
            why = f"no MutatingWebhookConfiguration tells whether a revision or tag {revision!r} is installed"
            raise not_modelled(owner, f"label {marks.ISTIO_REVISION}", why)
        if revision:
            return

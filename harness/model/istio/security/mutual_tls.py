"""Istio's mutual TLS: the mode at a port (PeerAuthentication), and what a client's Envoy begins."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.istio.security.authentication import GROUP, UNSET, PeerAuthentication
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh
from harness.model.istio import mesh_config, revision
from harness.model.state.tables import SelectorTable, per_pod, per_state
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.api.istio.destination_rule import ClientTLSSettings
    from harness.base.resources import Resource
    from harness.model.istio.registry.service_entry import Target
    from harness.model.state import Pod, State
    from harness.traffic.outcomes import Outcome

DEFAULT = "PERMISSIVE"

DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL = "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"

_WORDS = {
    DISABLE: "plaintext",
    SIMPLE: "TLS by the client's proxy",
    MUTUAL: "mutual TLS by the client's proxy",
    ISTIO_MUTUAL: "Istio's mutual TLS",
}


@per_pod
def mode(state: State, pod: Pod, port: int) -> tuple[str, Step]:
    """Returns DISABLE, PERMISSIVE or STRICT for a pod's port, and why.

    Looked for on the port and then the workload (selector), on the namespace, on the mesh (root
    namespace, where selectors count for nothing); of several at one level the oldest counts; UNSET asks the
    next level [istio/istio: ComposePeerAuthentication].
    """
    own = _by_labels(state).selecting(pod.namespace, pod.labels)
    workload = [policy for policy in own if policy.labels and policy.resource.namespace != ROOT_NAMESPACE]
    namespace = [policy for policy in own if not policy.labels]
    mesh = [policy for policy in _by_labels(state).selecting(ROOT_NAMESPACE, {}) if not policy.labels]
    for policy in workload[:1]:
        setting = policy.ports.get(str(port))
        if setting is not None and setting.mode != UNSET:
            text, field = "is {} for port {}", setting.at("mode")
            return setting.mode, step(policy.resource, field, Action.MATCHED, text, setting.mode, port)
    for level in (workload, namespace, mesh):
        for policy in level[:1]:
            mode, field = policy.mtls.mode, policy.mtls.at("mode")
            if mode != UNSET:
                return mode, step(policy.resource, field, Action.MATCHED, "is {} at {}", mode, pod.workload)
    text = "no PeerAuthentication says otherwise: PERMISSIVE takes mutual TLS and plaintext"
    return DEFAULT, built_in(Action.MATCHED, text)


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


@dataclass(frozen=True)
class ClientTls:
    """The TLS over a connection, if any; `sni` is what the proxy's own asks for (empty: the host called)."""

    why: Step
    mode: str = DISABLE
    sni: str = ""

    @property
    def mesh(self) -> Mesh | None:
        """The mesh whose mutual TLS this is, if any."""
        return Mesh.ISTIO if self.mode == ISTIO_MUTUAL else None

    @property
    def own(self) -> bool:
        """Whether the proxy speaks TLS with the application."""
        return self.mode in (SIMPLE, MUTUAL)

    def detailed(self, outcome: Outcome) -> Outcome:
        """Returns the outcome; one that left the cluster tells of the TLS over which it did."""
        if not outcome.external or self.mode == DISABLE:
            return outcome
        return replace(outcome, detail=f"with {_WORDS[self.mode]}")


def begin(state: State, target: Target, wanted: ClientTLSSettings | None) -> ClientTls:
    """Returns the TLS towards an endpoint: as a DestinationRule says, else where the pod takes Istio's.

    TLS modes SIMPLE and MUTUAL are between the proxy and the application: a proxy at the server sees them as
    the client's own TLS.
    """
    pod = target.endpoint.pod
    if wanted is not None:
        action = Action.UNENCRYPTED if wanted.mode == DISABLE else Action.ENCRYPTED
        text, towards = "is {}: {} towards {}", pod.ip if pod.outside else pod.workload
        why = step(
            wanted.resource, wanted.at("mode"), action, text, wanted.mode, _WORDS[wanted.mode], towards
        )
        return ClientTls(why, wanted.mode, wanted.sni)
    config = mesh_config.of(state)
    if not config.auto_mtls:
        text = "is false: plaintext, as no DestinationRule says else"
        return ClientTls(mesh_config.setting(config, "enableAutoMtls", Action.UNENCRYPTED, text))
    if pod.outside:
        text = "{} is outside of the cluster: plaintext"
        return ClientTls(built_in(Action.UNENCRYPTED, text, pod.ip))
    if not target.meshed or pod.mesh is not Mesh.ISTIO or pod.gateway:
        text = "{} has no Istio sidecar: plaintext"
        return ClientTls(built_in(Action.UNENCRYPTED, text, pod.workload))
    accepted, why = mode(state, pod, target.endpoint.port)
    if accepted == DISABLE:
        return ClientTls(why)
    text = "{} has an Istio sidecar: mutual TLS (auto mTLS)"
    return ClientTls(built_in(Action.ENCRYPTED, text, pod.workload), ISTIO_MUTUAL)

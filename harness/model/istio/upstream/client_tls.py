"""The TLS that a client's Envoy begins: Istio's where the server takes it, or what a DestinationRule says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.base.vocabulary import Mesh
from harness.model.istio import mesh_config
from harness.model.istio.security import peer_authentication
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.api.istio.destination_rule import ClientTLSSettings
    from harness.model.istio.registry.service_entry import Target
    from harness.model.state import State
    from harness.traffic.outcomes import Outcome

DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL = "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"

_TOLD = {
    DISABLE: "plaintext",
    SIMPLE: "TLS by the client's proxy",
    MUTUAL: "mutual TLS by the client's proxy",
    ISTIO_MUTUAL: "Istio's mutual TLS",
}


@dataclass(frozen=True)
class ClientTls:
    """What goes over a connection: nothing but plaintext, Istio's mutual TLS, or TLS of the proxy's own.

    `sni` is the name that the proxy's own TLS asks for, empty for the host that is called.
    """

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

    def told(self, outcome: Outcome) -> Outcome:
        """Returns the outcome; one that left the cluster tells of the TLS over which it did."""
        if not outcome.external or self.mode == DISABLE:
            return outcome
        return replace(outcome, detail=f"with {_TOLD[self.mode]}")


def begin(state: State, target: Target, said: ClientTLSSettings | None) -> ClientTls:
    """Returns the TLS towards an endpoint: as a DestinationRule says, else where the pod takes Istio's.

    TLS modes SIMPLE and MUTUAL are between the proxy and the application: a proxy at the server sees them as
    the client's own TLS.
    """
    pod = target.endpoint.pod
    if said is not None:
        mode = said.mode
        towards = pod.ip if pod.outside else pod.workload
        action = Action.UNENCRYPTED if mode == DISABLE else Action.ENCRYPTED
        text = "is {}: {} towards {}"
        why = step(said.resource, said.at("mode"), action, text, mode, _TOLD[mode], towards)
        return ClientTls(why, mode, said.sni)
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
    accepted, why = peer_authentication.mode(state, pod, target.endpoint.port)
    if accepted == DISABLE:
        return ClientTls(why)
    text = "{} has an Istio sidecar: mutual TLS (auto mTLS)"
    return ClientTls(built_in(Action.ENCRYPTED, text, pod.workload), ISTIO_MUTUAL)

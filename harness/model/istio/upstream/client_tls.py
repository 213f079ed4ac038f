"""The TLS that a client's Envoy begins towards an endpoint: the mesh's own, or what a DestinationRule says.

[istio/istio: pilot/pkg/networking/core/cluster_tls.go]
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from harness.api.istio.destination_rule import CONFIG_MAP, DestinationRule
from harness.base.errors import not_modelled
from harness.base.records import with_fields
from harness.base.vocabulary import Mesh
from harness.model.distribution import after, certain, mapped
from harness.model.istio import mesh_config
from harness.model.istio.security import credentials, mutual_tls
from harness.model.istio.upstream import destination_rule
from harness.model.message import Arrival
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, Step, built_in, step

if TYPE_CHECKING:
    from harness.api.istio.destination_rule import ClientTLSSettings
    from harness.api.node import Node
    from harness.model.istio.registry.service_entry import Target
    from harness.model.istio.upstream.destination_rule import Policy
    from harness.model.message import Answers, ClientSide, Message

DISABLE, SIMPLE, MUTUAL, ISTIO_MUTUAL = "DISABLE", "SIMPLE", "MUTUAL", "ISTIO_MUTUAL"

_WORDS = {
    DISABLE: "plaintext",
    SIMPLE: "TLS by the client's proxy",
    MUTUAL: "mutual TLS by the client's proxy",
    ISTIO_MUTUAL: "Istio's mutual TLS",
}


@dataclass(frozen=True)
class ClientTls:
    """The TLS over a connection, if any; `fault` says why its handshake fails."""

    why: Step
    mode: str = DISABLE
    sni: str = ""
    fault: str = ""

    @property
    def own(self) -> bool:
        """Whether it is between the proxy and the application."""
        return self.mode in (SIMPLE, MUTUAL)

    @property
    def mesh(self) -> Mesh | None:
        """The mesh whose mutual TLS this is, if any."""
        return Mesh.ISTIO if self.mode == ISTIO_MUTUAL else None

    def detailed(self, outcome: Outcome) -> Outcome:
        """Returns the outcome; one that left the cluster tells of the TLS over which it did."""
        if not outcome.external or self.mode == DISABLE:
            return outcome
        return replace(outcome, detail=f"with {_WORDS[self.mode]}")


def sni(port: int, subset: str, host: str) -> str:
    """Returns the name that the mesh's own TLS asks for [istio/istio: BuildDNSSrvSubsetKey]."""
    return f"outbound_.{port}_.{subset}_.{host}"


def connect(
    side: ClientSide,
    target: Target,
    message: Message,
    name: str,
    policy: Policy,
    *,
    bytes_only: bool = False,
) -> Answers:
    """Returns what an endpoint answers to a message, over the TLS that the client's proxy begins.

    `name` is what the mesh's own TLS asks for; `bytes_only`: the proxy reads no HTTP in the message. TLS of
    modes SIMPLE and MUTUAL is between the proxy and the application: a proxy at the server sees it as the
    client's own. Unless a rule says which name it asks for it is the Host header's, and none where the proxy
    reads no HTTP [Envoy: auto_sni].
    """
    tls, endpoint = _begun(side, target, name, policy.tls), target.endpoint
    if tls.mesh and policy.proxy_protocol is not None:
        tls = _header_first(tls, policy.proxy_protocol)
    if tls.fault:
        return certain(Outcome(failure=Failure.OTHER, detail=f"TLS handshake failed: {tls.fault}"), tls.why)
    destination_rule.check_application(side.state, policy, endpoint)
    if tls.own:
        asked = tls.sni or ("" if bytes_only else message.host)
        message = with_fields(message, tls=True, sni=asked, certified=tls.mode == MUTUAL)
    opaque, asked = bytes_only, tls.sni if tls.mesh else ""
    arrival = Arrival(side.client, endpoint.pod, endpoint.port, message, tls.mesh, opaque, asked)

    def verified(outcome: Outcome) -> Outcome:
        if endpoint.pod.outside:
            return tls.detailed(outcome)
        if tls.own and policy.tls is not None and not outcome.failure and not _has_authority(policy.tls):
            why = "whether the server's certificate is of an authority that the system trusts isn't known"
            raise not_modelled(policy.tls.resource, policy.tls.path, why)
        return outcome

    return after(mapped(side.deliver(arrival), verified), tls.why)


def _header_first(tls: ClientTls, setting: Node) -> ClientTls:
    """What becomes of mutual TLS behind a PROXY header: the server's sidecar takes that for plaintext."""
    text = "puts a header before the mutual TLS, which the server's sidecar doesn't read"
    why = step(setting.resource, setting.path, Action.FAILED, text)
    return replace(tls, why=why, fault="a PROXY header comes first")


def _has_authority(tls: ClientTLSSettings) -> bool:
    """Whether it says which server is trusted: that the server is so is taken for granted."""
    return bool(tls.skips_verification or tls.ca_certificates or tls.credential_name)


def _begun(side: ClientSide, target: Target, name: str, wanted: ClientTLSSettings | None) -> ClientTls:
    """The TLS towards an endpoint: as a DestinationRule says, else where the pod takes Istio's."""
    state, pod = side.state, target.endpoint.pod
    if wanted is not None:
        return _wanted(side, target, name, wanted)
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
    if why := mutual_tls.not_begun(state, pod, target.endpoint.port):
        return ClientTls(why)
    text = "{} has an Istio sidecar: mutual TLS (auto mTLS)"
    return ClientTls(built_in(Action.ENCRYPTED, text, pod.workload), ISTIO_MUTUAL, name)


def _wanted(side: ClientSide, target: Target, name: str, wanted: ClientTLSSettings) -> ClientTls:
    pod, mode, names = target.endpoint.pod, wanted.mode, wanted.subject_alt_names
    credential = wanted.credential_name if mode in (SIMPLE, MUTUAL) else ""
    selecting = DestinationRule.kept(wanted.resource).selector is not None
    if credential and not (side.client.gateway or selecting or credential.startswith(CONFIG_MAP)):
        text = "is for gateways, and for rules with a workloadSelector: a sidecar begins no TLS"
        return ClientTls(step(wanted.resource, wanted.at("credentialName"), Action.UNENCRYPTED, text))
    action = Action.UNENCRYPTED if mode == DISABLE else Action.ENCRYPTED
    text, towards = "is {}: {} towards {}", pod.ip if pod.outside else pod.workload
    why = step(wanted.resource, wanted.at("mode"), action, text, mode, _WORDS[mode], towards)
    if fault := credential and credentials.missing(
        side.state, side.client.namespace, credential, authority=mode == SIMPLE
    ):
        field = wanted.at("credentialName")
        return ClientTls(step(wanted.resource, field, Action.FAILED, "{}", fault), mode, fault=fault)
    if mode == ISTIO_MUTUAL and names and pod.mesh is Mesh.ISTIO:
        own = pod.identities[Mesh.ISTIO]
        if own not in names:
            field = wanted.at("subjectAltNames")
            text, fault = "doesn't have {}, which {} is", "the server's identity is another"
            why = step(wanted.resource, field, Action.FAILED, text, own, towards)
            return ClientTls(why, mode, fault=fault)
    return ClientTls(why, mode, wanted.sni or (name if mode == ISTIO_MUTUAL else ""))

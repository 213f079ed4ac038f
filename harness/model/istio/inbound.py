"""The server's side: what a sidecar lets through to its own pod."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import Branches, after, certain, mapped
from harness.model.istio import peer_authentication
from harness.model.istio.authorization import authorize
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Reason
from harness.vocabulary import Mesh

if TYPE_CHECKING:
    from harness.model.hop import Arrival, Deliver
    from harness.model.state import State

SERVER = ("server", "istio-envoy")


def receive(state: State, arrival: Arrival, serve: Deliver) -> Branches[Outcome]:
    """Returns what a request gets from a pod with an Istio sidecar; `serve` is its application.

    STRICT resets plaintext; then AuthorizationPolicies decide; the application is told the
    client's identity in x-forwarded-client-cert, and no other that the client may have sent.
    """
    mode, why = peer_authentication.mode(state, arrival.server, arrival.port)
    if arrival.tls is None and mode == "STRICT":
        text = f"{arrival.client.workload} comes in plaintext: the connection is reset"
        return certain(Outcome(failure=Failure.RESET, hop=arrival.hop), why, Reason(text))
    if arrival.tls is Mesh.ISTIO and mode == "DISABLE":
        text = "the server takes plaintext only, and the client begins mutual TLS"
        return certain(Outcome(failure=Failure.OTHER, detail="TLS handshake failed"), why, Reason(text))
    verdict = authorize(state, arrival)
    if not verdict.allowed:
        denied = replies.envoy(arrival.message, 403, "RBAC: access denied")
        return certain(_by_sidecar(replace(denied, hop=arrival.hop)), why, *verdict.trace)
    message = arrival.message.without(["x-forwarded-client-cert"]).plus(("x-forwarded-proto", "http"))
    if arrival.tls is Mesh.ISTIO:
        certificate = (
            f'By=spiffe://{arrival.server.spiffe};Hash=<hash>;Subject="";URI=spiffe://{arrival.client.spiffe}'
        )
        message = message.plus(("x-forwarded-client-cert", certificate))
    served = mapped(serve(replace(arrival, message=message)), lambda one: _connected(arrival, one))
    return after(mapped(served, _by_sidecar), why, *verdict.trace)


def _connected(arrival: Arrival, outcome: Outcome) -> Outcome:
    """The outcome where the sidecar can't reach its own application's port."""
    if outcome.failure is None:
        return outcome
    answer = replies.upstream_failure(arrival.message, outcome.failure, retried=False)
    return replace(answer, hop=arrival.hop)


def _by_sidecar(outcome: Outcome) -> Outcome:
    headers = tuple((name, value) for name, value in outcome.headers if name != "server")
    return replace(outcome, headers=(*headers, SERVER))

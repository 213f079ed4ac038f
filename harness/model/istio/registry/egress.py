"""Requests for hosts that a client's proxy doesn't know: passed on or not, by outboundTrafficPolicy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.model import replies
from harness.model.distribution import after, certain, mapped, shares, then
from harness.model.istio.registry import sidecar_scope
from harness.model.istio.upstream import cluster as upstream
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.trace import Action, built_in

if TYPE_CHECKING:
    from harness.model.message import Answers, ClientSide, Message
    from harness.model.network.services import Endpoint


def http(side: ClientSide, dialled: tuple[Endpoint, ...], message: Message) -> Answers:
    """Returns what an HTTP request gets whose host the proxy doesn't know, on a port where it knows others.

    `dialled` are the endpoints that the client's own connection would reach. ALLOW_ANY: the request goes
    there, in plaintext (PassthroughCluster); REGISTRY_ONLY: the proxy answers 502 (BlackHoleCluster).
    """
    scope = sidecar_scope.of(side.state, side.client)
    if not scope.allow_any:
        text = "the sidecar knows no host {}: it answers 502"
        own = built_in(Action.ANSWERED, text, message.host)
        return certain(replies.envoy(message, 502), scope.outbound, own)
    text = "the sidecar knows no host {}: passed through to where it was dialled"
    through = built_in(Action.BYPASSED, text, message.host)
    if not dialled:
        failed = replies.upstream_failure(message, Failure.REFUSED, retried=True)
        return certain(failed, scope.outbound, through)
    passed = _passed(side, dialled, message.plus(("x-forwarded-proto", message.scheme)))
    answered = mapped(passed, lambda outcome: upstream.answered(message, outcome, retried=False))
    return after(answered, scope.outbound, through)


def connection(side: ClientSide, dialled: tuple[Endpoint, ...], message: Message) -> Answers:
    """Returns what a connection gets that the proxy has no listener for, whatever goes over it.

    ALLOW_ANY: it goes where it was dialled, as it is; REGISTRY_ONLY: it is reset.
    """
    scope = sidecar_scope.of(side.state, side.client)
    if not scope.allow_any:
        text = "the sidecar knows nothing there: the connection is reset"
        return certain(Outcome(failure=Failure.RESET), scope.outbound, built_in(Action.FAILED, text))
    text = "the sidecar knows nothing there: the connection is passed through as it is"
    through = built_in(Action.BYPASSED, text)
    if not dialled:  # the sidecar takes the connection before it finds nobody behind it
        return certain(Outcome(failure=Failure.RESET), scope.outbound, through)
    return after(_passed(side, dialled, message), scope.outbound, through)


def _passed(side: ClientSide, dialled: tuple[Endpoint, ...], message: Message) -> Answers:
    return then(
        shares((1, endpoint, ()) for endpoint in dialled),
        lambda endpoint: side.dial(endpoint.pod, endpoint.port, message),
    )

"""What a proxy asks before it lets a request in: an external authorizer, the token, the policies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.records import with_fields
from harness.model import replies
from harness.model.distribution import after, certain, mapped, then
from harness.model.istio.security import external_authorization, request_authentication
from harness.model.istio.security.authorization import DENIED, authorize
from harness.model.istio.security.normalization import with_normal_path
from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.model.istio.security.external_authorization import Authorized
    from harness.model.message import Answers, Arrival, Deliver, Message
    from harness.model.state import State
    from harness.traffic.outcomes import Outcome


def guarded(state: State, arrival: Arrival, deliver: Deliver, pass_on: Deliver) -> Answers:
    """Returns what `pass_on` makes of a request that is let in, or the answer of the proxy that refuses it.

    In Envoy's order: the path is normalized; CUSTOM asks (through `deliver`); the token is verified; DENY,
    then ALLOW decide. Of a connection without HTTP only policies decide; a denied one is closed.
    """
    if not arrival.opaque:
        message = with_normal_path(state, arrival.message)
        if isinstance(message, Step):
            return certain(_refused(arrival, replies.envoy(arrival.message, 400)), message)
        arrival = with_fields(arrival, message=message)

    def answered(answer: Authorized) -> Answers:
        if answer.refusal is not None:
            refused = _refused(arrival, answer.refusal)
            return certain(with_fields(refused, seconds=answer.seconds), *_closing(arrival))
        checked = _checked(state, with_fields(arrival, message=answer.message), pass_on)
        if not answer.seconds:
            return checked
        return mapped(checked, lambda one: with_fields(one, seconds=one.seconds + answer.seconds))

    return then(external_authorization.ask(state, arrival, deliver), answered)


def _checked(state: State, arrival: Arrival, pass_on: Deliver) -> Answers:
    trace: tuple[Step, ...] = ()
    if not arrival.opaque:
        checked = request_authentication.check(state, arrival.server, arrival.message)
        arrival, trace = with_fields(arrival, message=checked.message), checked.trace
        if checked.refusal:
            return certain(_refused(arrival, _challenge(checked.message, checked)), *trace)
    verdict = authorize(state, arrival)
    if verdict.allowed:
        return after(pass_on(arrival), *trace, *verdict.trace)
    denied = replies.envoy(arrival.message, 403, DENIED)
    return certain(_refused(arrival, denied), *trace, *verdict.trace, *_closing(arrival))


def _challenge(message: Message, checked: request_authentication.CheckedToken) -> Outcome:
    """The refusal of a token [envoy: jwt_authn's answer, RFC 6750]."""
    realm = f"{message.scheme}://{message.authority}{message.target}"
    challenge = (("www-authenticate", f'Bearer realm="{realm}", error="invalid_token"'),)
    return replies.envoy(message, checked.status, checked.refusal, challenge)


def _refused(arrival: Arrival, answer: Outcome) -> Outcome:
    return with_fields(replies.closed(arrival.message) if arrival.opaque else answer, hop=arrival.hop)


def _closing(arrival: Arrival) -> tuple[Step, ...]:
    closed = built_in(Action.FAILED, "the connection is closed without an answer")
    return (closed,) if arrival.opaque else ()

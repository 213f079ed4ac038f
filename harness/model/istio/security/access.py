"""What a proxy asks before it lets a request in: its path in normal form, an external authorizer, the token,
the policies.

MeshConfig's `pathNormalization` says how far normalization goes; the rules are those that Istio's own tests
of it state [istio/istio: pathNormalization, Envoy's normalize_path].
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from harness.base.matching import mapped as mapped_text
from harness.base.records import with_fields
from harness.model import replies
from harness.model.distribution import after, certain, mapped, then
from harness.model.istio import mesh_config
from harness.model.istio.security import external_authorization, request_authentication
from harness.model.istio.security.authorization import DENIED, authorize
from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.model.istio.security.external_authorization import Authorized
    from harness.model.message import Answers, Arrival, Deliver, Message
    from harness.model.state import State
    from harness.traffic.outcomes import Outcome

_UNRESERVED = frozenset(ascii_letters + digits + "-._~")

_NOT_NORMAL = ("/./harness", "/harness//x", "/harness%2Fx", "/%00")
"""Paths that no, or only some ways of normalization leave as they are; the last can't be normalized."""


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
        return mapped(checked, lambda outcome: with_fields(outcome, seconds=outcome.seconds + answer.seconds))

    return then(external_authorization.ask(state, arrival, deliver), answered)


def _checked(state: State, arrival: Arrival, pass_on: Deliver) -> Answers:
    trace: tuple[Step, ...] = ()
    if not arrival.opaque:
        checked = request_authentication.check(state, arrival.server, arrival.message)
        arrival, trace = with_fields(arrival, message=checked.message), checked.trace
        if checked.refusal:
            # As Envoy's JWT filter refuses one [envoy: jwt_authn; RFC 6750].
            realm = f"{arrival.message.scheme}://{arrival.message.authority}{arrival.message.target}"
            challenge = (("www-authenticate", f'Bearer realm="{realm}", error="invalid_token"'),)
            refusal = replies.envoy(arrival.message, checked.status, checked.refusal, challenge)
            return certain(_refused(arrival, refusal), *trace)
    allowed, why = authorize(state, arrival)
    if allowed:
        return after(pass_on(arrival), *trace, *why)
    denied = replies.envoy(arrival.message, 403, DENIED)
    return certain(_refused(arrival, denied), *trace, *why, *_closing(arrival))


def _refused(arrival: Arrival, answer: Outcome) -> Outcome:
    return with_fields(replies.closed(arrival.message) if arrival.opaque else answer, hop=arrival.hop)


def _closing(arrival: Arrival) -> tuple[Step, ...]:
    closed = built_in(Action.FAILED, "the connection is closed without an answer")
    return (closed,) if arrival.opaque else ()


def with_normal_path(state: State, message: Message) -> Message | Step:
    """Returns the message as a proxy reads it, or why it is a bad request (400)."""
    mode = mesh_config.of(state).path_normalization.normalization
    path = mapped_text(message.path, f"normal {mode}", partial(normalized, mode=mode), _NOT_NORMAL)
    if path is None:
        return built_in(Action.FAILED, "the path {} can't be normalized: 400", message.path)
    return message if path is message.path else with_fields(message, path=path)


@lru_cache(maxsize=4096)
def normalized(path: str, mode: str = "BASE") -> str | None:
    """Returns the normalized path, None for one that can't be.

    NONE leaves it; BASE (also DEFAULT) decodes unreserved characters, turns backslashes round and resolves
    `.` and `..`; MERGE_SLASHES also makes one slash of several; DECODE_AND_MERGE_SLASHES decodes escaped
    slashes and backslashes before.
    """
    if mode == "NONE":
        return path
    if mode == "DECODE_AND_MERGE_SLASHES":
        path = re.sub("%2f|%5c", "/", path, flags=re.IGNORECASE)
    if "%00" in path:
        return None
    path = re.sub("%([0-9A-Fa-f]{2})", _unescaped, path).replace("\\", "/")
    path = _resolved(path)
    return re.sub("/+", "/", path) if mode in ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES") else path


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0]


def _resolved(path: str) -> str:
    """The path without segments `.` and `..` [RFC 3986, 5.2.4]; empty segments count as any other."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1:] and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)

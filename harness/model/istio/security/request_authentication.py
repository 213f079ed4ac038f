"""RequestAuthentication: which tokens a proxy verifies, and what it makes of a request that has one.

As Istio sets up Envoy's JWT filter [istio/istio: pilot/pkg/security/authn; envoy: jwt_authn].
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from harness.api.headers import OpenHeaders, plus
from harness.api.istio.security import claims
from harness.api.istio.security.authentication import RequestAuthentication
from harness.base.errors import not_modelled
from harness.base.explored import TOKEN, Attribute, Further, OpenClaims, OpenItems, OpenNumber, encoded
from harness.base.matching import query_values, without_parameter
from harness.model.istio.header_lines import header_lines
from harness.model.istio.security import jwt, policies
from harness.traffic.request import OpenToken, Token
from harness.traffic.trace import Action, Step, step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.api.istio.security.authentication import JWTRule
    from harness.base.explored import Journal
    from harness.model.istio.security.jwt import Jwt
    from harness.model.message import Message
    from harness.model.state import Pod, State

_BEARER = "Bearer "
_TOKEN_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")
_PREFLIGHT = ("origin", "access-control-request-method")


@dataclass(frozen=True)
class CheckedToken:
    """The request as the filter passes it on, or the words with which it refuses it."""

    message: Message
    refusal: str = ""
    trace: tuple[Step, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status of a refusal."""
        return 403 if self.refusal == jwt.AUDIENCE else 401


def check(state: State, pod: Pod, message: Message) -> CheckedToken:
    """Returns what the policies that select a pod make of a request.

    Without a token it passes, unless where a rule looks there is one that is bad. One rule that finds
    tokens, all of them good, is enough: their claims are what is known of the request then, and they
    are taken away unless they shall be forwarded. Raises NotModelledError where keys would be needed
    that the model doesn't have.
    """
    if message.verified:  # by a proxy before this one
        message = replace(message, verified=None)
    reading = map(RequestAuthentication.kept, policies.selecting(state, pod, "RequestAuthentication"))
    rules = sorted((rule for policy in reading for rule in policy.rules), key=lambda rule: rule.issuer)
    apart = tuple(policies.apart(state, "RequestAuthentication", pod))
    if not rules:
        return CheckedToken(message, trace=apart)
    changing = any(rule.output_payload_to_header or rule.output_claim_to_headers for rule in rules)
    if (changing or any(next(_tokens(rule, message), None) for rule in rules)) and _is_preflight(message):
        return CheckedToken(message, trace=apart)  # it carries no credentials
    faults: list[tuple[JWTRule, str]] = []
    for rule in rules:
        # The headers that the rule writes: a client's own are taken away.
        outputs = (output.header for output in rule.output_claim_to_headers)
        message = message.without(filter(None, (*outputs, rule.output_payload_to_header)))
        tokens = list(_tokens(rule, message))
        if not tokens:
            faults.append((rule, jwt.MISSING))
            continue
        try:
            accepted = [(_verified(state, rule, token), place) for place, token in reversed(tokens)]
        except jwt.Invalid as error:
            faults.append((rule, str(error)))
            continue
        checked = _passed(rule, message, accepted, faults)
        return replace(checked, trace=(*apart, *checked.trace))
    rule, fault = _worst(faults)
    lost = (*apart, *(_lost(rule, words) for rule, words in faults))
    if fault == jwt.MISSING:
        return CheckedToken(message, trace=lost)
    checked = CheckedToken(message, fault)
    text = "the token isn't accepted ({}): {}"
    why = step(rule.resource, rule.path, Action.DENIED, text, fault, checked.status)
    return replace(checked, trace=(*lost, why))


def _is_preflight(message: Message) -> bool:
    return message.method == "OPTIONS" and all(map(message.header, _PREFLIGHT))


def _worst(faults: list[tuple[JWTRule, str]]) -> tuple[JWTRule, str]:
    """The fault that is answered: the last about the rule's own issuer; of several the first counts again."""
    again = [fault for fault in faults if fault[1] != jwt.MISSING][:1] if len(faults) > 1 else []
    worst = faults[0]
    for fault in (*faults[1:], *again):
        if fault[1] not in (jwt.MISSING, jwt.UNKNOWN_ISSUER) or worst[1] == jwt.MISSING:
            worst = fault
    return worst


def _lost(rule: JWTRule, words: str) -> Step:
    if words == jwt.MISSING:
        return step(rule.resource, rule.path, Action.UNMATCHED, "finds no token where it looks")
    return step(rule.resource, rule.path, Action.UNMATCHED, "doesn't accept the token: {}", words)


# --- where tokens are

_Place = tuple[str, str]
"""`header`, `param` or `cookie`, and its name."""


def _tokens(rule: JWTRule, message: Message) -> Iterator[tuple[_Place, str | Jwt]]:
    """The tokens that a request has where a rule looks: in headers, then parameters, then cookies."""
    # A place that is named twice is looked at once [envoy: jwt_authn, Extractor].
    headers = list(dict.fromkeys((header.name.lower(), header.prefix) for header in rule.from_headers))
    params, cookies = (list(dict.fromkeys(names)) for names in (rule.from_params, rule.from_cookies))
    if not (headers or params or cookies):
        headers, params = [("authorization", _BEARER)], ["access_token"]
    if isinstance(message.headers, OpenHeaders):
        yield from _explored_headers(message, message.headers.journal, headers)
        yield from _explored(message.headers.journal, params, cookies, beside=bool(headers))
        return
    for name, prefix in sorted(headers):
        for value in header_lines(message, name):
            if prefix in value:
                yield ("header", name), _after(value, prefix)
    for name in sorted(params):
        for value in query_values(message.query, name)[:1]:
            yield ("param", name), unquote(value)
    sent = dict(
        part.strip().partition("=")[::2]
        for part in (message.header("cookie") or "" if cookies else "").split(";")
        if "=" in part
    )
    for name in sorted(cookies):
        if name in sent:
            yield ("cookie", name), sent[name].strip('"')


def _explored_headers(
    message: Message, journal: Journal, headers: Iterable[tuple[str, str]]
) -> Iterator[tuple[_Place, str | Jwt]]:
    """The tokens in headers of an explored request: its own, by its claims, stands for its text there."""
    for name, prefix in sorted(headers):
        for value in header_lines(message, name):
            if prefix and prefix not in value:
                continue
            if not isinstance(value, Attribute):
                yield ("header", name), _after(value, prefix)
                continue
            gaps = ("",) if prefix.endswith(" ") or not prefix else ("", " ")
            ends = (f"{prefix}{gap}{TOKEN}" for gap in gaps)
            is_own = any(value.endswith(end) if prefix else value == end for end in ends)
            yield ("header", name), jwt.explored(OpenClaims(journal)) if is_own else _NO_TOKEN


_NO_TOKEN = "harness"
"""A text that is no token, whatever stands in its place."""


def _explored(
    journal: Journal, params: Iterable[str], cookies: Iterable[str], *, beside: bool
) -> Iterator[tuple[_Place, str | Jwt]]:
    """The tokens of an explored request: in each place none, one by its claims, or a text that is none.

    `beside` headers, and beside the first other place, further ones tell nothing new.
    """
    places = [*(("param", name) for name in params), *(("cookie", name) for name in cookies)]
    for kind, place in places:
        attribute = f"token {kind} {place}"
        value, test = journal.values.get(attribute), Further()
        token = test.holds(value)
        if beside or (kind, place) != places[0]:
            journal.record(attribute, test, token)
        else:
            journal.choice(attribute, str)
        if token != "None":
            yield (kind, place), jwt.explored(OpenClaims(journal)) if token == "stated" else token


def _after(value: str, prefix: str) -> str:
    """What follows a prefix, from the first letter that a token can have."""
    if not prefix:
        return value
    end = value.index(prefix) + len(prefix)
    start = next((index for index in range(end, len(value)) if value[index] in _TOKEN_LETTERS), 0)
    return value[start:]


def _without(message: Message, place: _Place) -> Message:
    kind, name = place
    if kind == "header":
        return message.without([name])
    if kind == "param":
        return replace(message, query=without_parameter(message.query, name))
    return message  # Envoy leaves cookies alone


# --- what becomes of them


def _verified(state: State, rule: JWTRule, token: str | Jwt) -> Jwt:
    """The token, verified; raises jwt.Invalid, and NotModelledError for keys that aren't known."""
    token = jwt.read(token) if isinstance(token, str) else token
    if rule.issuer and token.issuer != rule.issuer:
        raise jwt.Invalid(jwt.UNKNOWN_ISSUER)
    token.check_times(time.time())
    token.check_audience(rule.audiences)
    if token.stated:
        return token
    keys = rule.jwks or state.outside.keys.get(rule.jwks_uri)
    if not keys:
        todo = f"give a file with the keys (--jwks {rule.jwks_uri}=FILE, or `jwks` in a scenario's `outside`)"
        todo += ", or the token by its claims"
        raise not_modelled(rule.resource, f"{rule.path}.jwksUri", "the keys there aren't known", todo)
    token.check_signature(keys)
    return token


def _passed(
    rule: JWTRule, message: Message, accepted: list[tuple[Jwt, _Place]], faults: list[tuple[JWTRule, str]]
) -> CheckedToken:
    for token, place in accepted:
        message = _with_outputs(rule, message, token)
        if not rule.forward_original_token:
            message = _without(message, place)
    token = accepted[-1][0]
    normal = claims.normalized(token.claims, rule.space_delimited_claims)
    if isinstance(normal, OpenClaims):
        return CheckedToken(replace(message, verified=OpenToken(open_claims=normal)))
    who = f"{token.issuer}/{token.claims.get('sub', '')}"
    text = "the token of {} is valid" + (", its signature taken for granted" if token.stated else "")
    lost = tuple(_lost(rule, words) for rule, words in faults)
    why = step(rule.resource, rule.path, Action.MATCHED, text, who)
    return CheckedToken(replace(message, verified=Token.of(normal)), trace=(*lost, why))


def _with_outputs(rule: JWTRule, message: Message, token: Jwt) -> Message:
    added = []
    if rule.output_payload_to_header:
        added.append((rule.output_payload_to_header.lower(), token.payload))
    for output in rule.output_claim_to_headers:
        value: Any = token.claims
        for part in output.claim.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if isinstance(value, dict) and not isinstance(value, OpenClaims):
            raise not_modelled(rule.resource, output.at("claim"), "the claim is an object")
        if value not in (None, ""):
            added.append((output.header.lower(), _text(value)))
    return replace(message, headers=plus(message.headers, tuple(added)))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, OpenClaims | OpenItems | OpenNumber):
        return value.encoded
    if isinstance(value, list):
        return encoded(value)
    return str(int(value)) if value >= 0 and value == int(value) else f"{value:.6f}"

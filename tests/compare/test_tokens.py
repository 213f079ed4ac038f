"""Tokens of explored requests: wherever they are, with claims that are texts, lists and objects."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode

import pytest

from tests.compare.differing import differing
from tests.compare.test_comparison import estate
from tests.model.clusters import ISTIO, resource


def authentication(rule: str = ""):
    spec = "{selector: {matchLabels: {app: web}}, jwtRules: [{issuer: shop, jwks: '{}'" + rule + "}]}"
    return resource("RequestAuthentication", "shop/web", spec, "security.istio.io/v1")


def policy(name: str, action: str, **claims: str):
    whens = (f"{{key: 'request.auth.claims{key}', values: ['{value}']}}" for key, value in claims.items())
    spec = f"{{selector: {{matchLabels: {{app: web}}}}, action: {action}, rules: [{{when: [{', '.join(whens)}]}}]}}"
    return resource("AuthorizationPolicy", f"shop/{name}", spec, "security.istio.io/v1")


def allow(**claims: str):
    return policy("a", "ALLOW", **claims)


def deny(**claims: str):
    return policy("d", "DENY", **claims)


A = {"[groups]": "a"}
SPLIT = ", outputClaimToHeaders: [{header: x-group, claim: g.h}]"

# the rule of both sides, policies before and after, and claims of a token that shows the difference
CASES = {
    "two values of a list": ("", [allow(**A)], [allow(**A), deny(**{"[groups]": "b"})], {"groups": ["a", "b"]}),
    "two of which one may end so": (
        "",
        [allow(**A), deny(**{"[groups]": "b*"})],
        [allow(**A), deny(**{"[groups]": "*c"})],
        {"groups": ["a", "c"]},
    ),
    "of scopes": ("", [allow(**{"[scope]": "x"})], [allow(**{"[scope]": "x"}), deny(**{"[scope]": "y"})], {"scope": ["x", "y"]}),
    "a name with dots": ("", [allow(**{"[https://a.b/c]": "x"})], [allow(**A)], {"https://a.b/c": "x"}),
    "a claim in a claim": ("", [allow(**{"[groups][x]": "c"}), deny(**A)], [allow(**A)], {"groups": {"x": "c"}}),
    "in a parameter alone": (", fromParams: [t]", [allow(**A)], [allow(**{"[groups]": "c"})], {"groups": "a"}),
    "in a cookie alone": (", fromCookies: [t]", [allow(**A)], [allow(**{"[groups]": "c"})], {"groups": "a"}),
}  # fmt: skip


@pytest.mark.parametrize(("rule", "before", "after", "claims"), CASES.values(), ids=CASES)
def test_a_token_is_made_that_shows_the_difference(rule, before, after, claims):
    found = differing(
        estate(ISTIO, authentication(rule), *before), estate(ISTIO, authentication(rule), *after)
    )
    assert found
    tokens = [token(each.request) for each in found if each.request]
    assert {**claims, "iss": "shop"} in tokens


def token(request) -> object:
    """The claims of the token that is somewhere in a request."""
    texts = [request.query, *(value for _, value in request.headers)]
    parts = next((text.split(".") for text in texts if text.count(".") == 2 and "eyJ" in text), None)
    return parts and json.loads(urlsafe_b64decode(parts[1] + "=="))


def test_what_a_list_becomes_in_a_header_is_no_difference_by_itself():
    output = ", outputClaimToHeaders: [{header: x-group, claim: groups}]"
    side = [authentication(output), allow(**A)]
    assert differing(estate(ISTIO, *side), estate(ISTIO, *side)) == []
    assert differing(estate(ISTIO, *side), estate(ISTIO, authentication(), allow(**A)))


SHOWN = ", outputClaimToHeaders: [{header: x-group, claim: group}]"


def header(value: str):
    spec = f"{{selector: {{matchLabels: {{app: web}}}}, action: DENY, rules: [{{when: [{{key: 'request.headers[x-group]', values: ['{value}']}}]}}]}}"
    return resource("AuthorizationPolicy", "shop/h", spec, "security.istio.io/v1")


NO_TEXT = {"true": True, "7.500000": 7.5, "0.000001": 0.000001, "tr*": True}


@pytest.mark.parametrize("shown", NO_TEXT)
def test_a_claim_that_is_a_number_or_boolean_is_asked_where_a_header_shows_it(shown):
    """A text that is written alike would be refused by the other policy."""
    both = [authentication(SHOWN), allow(**{"[iss]": "shop"}), deny(**{"[group]": shown})]
    found = differing(estate(ISTIO, *both), estate(ISTIO, *both, header(shown)))
    assert {each.harm for each in found} == {"closed"}
    claims = [token(each.request) for each in found if each.request and not each.request.tcp]
    assert NO_TEXT[shown] in [each["group"] for each in claims if each]
    assert not differing(estate(ISTIO, *both, header(shown)), estate(ISTIO, *both, header(shown)))


def test_a_time_is_asked_where_a_header_shows_it():
    until, since = (SHOWN.replace("group}", f"{name}}}") for name in ("exp", "nbf"))
    side = estate(ISTIO, authentication(until), allow(**{"[iss]": "shop"}))
    assert differing(side, estate(ISTIO, authentication(since), allow(**{"[iss]": "shop"})))
    assert not differing(side, side)


def test_a_number_is_shown_as_a_proxy_writes_it():
    both = [authentication(SHOWN), allow(**{"[iss]": "shop"}), deny(**{"[group]": "7.5"})]
    assert not differing(estate(ISTIO, *both), estate(ISTIO, *both, header("7.5")))


def test_a_claim_in_a_claim_that_becomes_a_header_is_seen():
    assert differing(estate(ISTIO, authentication(SPLIT)), estate(ISTIO, authentication()))


def matching(test: str, header: str = "authorization"):
    """A policy that denies by the text of a token's header."""
    spec = f"{{selector: {{matchLabels: {{app: web}}}}, action: DENY, rules: [{{when: [{{key: 'request.headers[{header}]', values: ['{test}']}}]}}]}}"
    return resource("AuthorizationPolicy", "shop/m", spec, "security.istio.io/v1")


FORWARDED = authentication(", forwardOriginalToken: true")
SIGNED = allow(**{"[iss]": "shop"})

# whether a rule takes a header with a token by its text: yes, no, or by the token; the prefix stands anywhere
TEXTS = {
    "Bearer *": True,
    "*": True,
    "Bearer ey*": True,
    "Bearer eyJhbG*": None,
    "Basic *": True,
    "x": False,
    "*=": None,
}


@pytest.mark.parametrize("test", TEXTS)
def test_a_rule_matches_the_text_of_a_header_with_a_token(test):
    """Who is let in by a token is refused by the text of its header."""
    before, after = estate(ISTIO, FORWARDED, SIGNED), estate(ISTIO, FORWARDED, SIGNED, matching(test))
    harms = {each.harm for each in differing(before, after)}
    assert harms == {True: {"closed"}, False: set(), None: {"undecided"}}[TEXTS[test]]
    assert {each.harm for each in differing(after, after)} == (
        {"undecided"} if TEXTS[test] is None else set()
    )


def test_a_header_beside_the_token_is_asked_by_itself():
    before = estate(ISTIO, FORWARDED, SIGNED)
    after = estate(ISTIO, FORWARDED, SIGNED, matching("a", "x-other"))
    assert {each.harm for each in differing(before, after)} == {"closed"}


def test_a_token_that_isn_t_forwarded_has_no_header():
    assert not differing(
        estate(ISTIO, authentication(), SIGNED), estate(ISTIO, authentication(), SIGNED, matching("Bearer *"))
    )

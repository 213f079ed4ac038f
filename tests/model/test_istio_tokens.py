"""RequestAuthentication, and rules that look into tokens."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import urlsafe_b64encode
from dataclasses import replace
from functools import cache, partial

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm, get_default_algorithms
from typer.testing import CliRunner

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.cli import app as cli
from harness.model import Refused, changes
from harness.model.decide import decide
from harness.traffic.outside import Outside
from harness.traffic.request import Request, Token
from tests.model.clusters import ISTIO, app, cluster, resource, told

SECURITY = "security.istio.io/v1"
WORLD = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/web", "l5d/echo:v1", 8080),
        *app("ist/admin", "l5d/echo:v1", 8080),
        *app("ist/color", "ghcr.io/buoyantio/faces-color", 8000),
    ],
)
OK, DENIED = "200 from ist/web", "403"
A, B = "https://a.example", "https://b.example"

SECRET = b"a secret that two share, of 32 bytes or more"


def text64(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return urlsafe_b64encode(data).decode().rstrip("=")


@cache
def keys():
    """The private keys: RSA's, and a curve's."""
    return rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())


@cache
def key_set():
    private, curve = keys()
    return json.dumps(
        {
            "keys": [
                {"kid": "k", **RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)},
                {"kty": "oct", "kid": "s", "k": text64(SECRET)},
                {"kid": "c", **ECAlgorithm.to_jwk(curve.public_key(), as_dict=True)},
            ]
        }
    )


def signed(header=None, **claims):
    fields = {"alg": "RS256", "kid": "k", **(header or {})}
    parts = f"{text64(fields)}.{text64({'iss': A, **claims})}"
    known = str(fields["alg"])[:2] in ("RS", "PS", "ES")  # what else is asked for only stands in the header
    algorithm = get_default_algorithms()[fields["alg"] if known else "RS256"]
    private, curve = keys()
    key = curve if isinstance(algorithm, ECAlgorithm) else private
    return f"{parts}.{text64(algorithm.sign(parts.encode(), key))}"


def to_sign(header=None, **claims):
    """What makes a signed token: a test's parameter, and so its name, stays the same from run to run."""
    return partial(signed, header, **claims)


def by_secret(**claims):
    parts = f"{text64({'alg': 'HS256'})}.{text64({'iss': A, **claims})}"
    return f"{parts}.{text64(hmac.new(SECRET, parts.encode(), hashlib.sha256).digest())}"


def authentication(*rules, name="ist/auth", **spec):
    listed = [{"jwks": key_set(), **rule} for rule in rules]
    return resource("RequestAuthentication", name, {"jwtRules": listed, **spec}, SECURITY)


def policy(text, **metadata):
    return resource("AuthorizationPolicy", "ist/p", text, SECURITY, **metadata)


def ask(state, url="http://web/", method="GET", source="ist/client", token=None, **headers):
    named = tuple((key.replace("_", "-"), value) for key, value in headers.items())
    return decide(state, Request(Workload.parse(source), url, method, named, token=token))


def only(outcomes):
    (group,) = outcomes.groups
    return group.outcome


RULE = {"issuer": A}
BAD_FORMAT = "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"


@pytest.mark.parametrize(
    ("rules", "token", "status", "body"),
    [
        ([RULE], None, 200, None),
        ([RULE], to_sign(), 200, None),
        ([RULE], to_sign({"alg": "PS256"}), 200, None),
        ([RULE], to_sign({"alg": "ES256", "kid": "c"}), 200, None),
        ([RULE], to_sign({"alg": "ES256", "kid": "k"}), 401, "Jwt verification fails"),
        ([RULE], by_secret(), 200, None),
        ([RULE], to_sign(exp=4102444800), 200, None),
        ([RULE], "nonsense", 401, BAD_FORMAT),
        ([RULE], "a..b", 401, BAD_FORMAT),
        ([RULE], "a.e30.AA", 401, "Jwt header is an invalid Base64url encoded"),
        ([RULE], "W10.e30.AA", 401, "Jwt header is an invalid JSON"),
        ([RULE], to_sign({"alg": "none"}), 401, "Jwt header [alg] is not supported"),
        ([RULE], to_sign({"alg": 5}), 401, "Jwt header [alg] field is required and must be a string"),
        ([RULE], to_sign({"kid": 5}), 401, "Jwt header [kid] field is not a string"),
        ([RULE], to_sign(iss=5), 401, "Jwt payload [iss] field is not a string"),
        ([RULE], to_sign(exp="soon"), 401, "Jwt payload [exp] field is not an integer"),
        ([RULE], to_sign(aud=[5]), 401, "Jwt payload [aud] field is not a string or string list"),
        ([RULE], to_sign(iss=B), 401, "Jwt issuer is not configured"),
        ([RULE], to_sign(exp=1), 401, "Jwt is expired"),
        ([RULE], to_sign(nbf=4102444800), 401, "Jwt not yet valid"),
        ([RULE], lambda: signed()[:-4] + "AAAA", 401, "Jwt verification fails"),
        ([RULE], to_sign({"kid": "x"}), 401, "Jwks doesn't have key to match kid or alg from Jwt"),
        ([{**RULE, "jwks": '{"keys": []}'}], to_sign(), 401, "Jwks doesn't have any valid public key"),
        ([{**RULE, "audiences": ["x"]}], to_sign(), 403, "Audiences in Jwt are not allowed"),
        ([{**RULE, "audiences": ["x", "y"]}], to_sign(aud=["https://y/"]), 200, None),
        ([{**RULE, "audiences": ["x"]}], to_sign(aud="x"), 200, None),
        ([{"issuer": B}, RULE], to_sign(), 200, None),
        ([{"issuer": B}, RULE], to_sign(exp=1), 401, "Jwt is expired"),
        ([{"issuer": B}, RULE], to_sign(iss=B, exp=1), 401, "Jwt is expired"),
        ([{"issuer": B}, {"issuer": "c"}], to_sign(), 401, "Jwt issuer is not configured"),
        ([{"issuer": B, "fromHeaders": [{"name": "x-b"}]}, RULE], None, 200, None),
    ],
)
def test_a_token_is_checked(rules, token, status, body):
    token = token() if callable(token) else token
    headers = {"authorization": f"Bearer {token}"} if token else {}
    outcome = only(ask(changes.apply(WORLD, [authentication(*rules)]), **headers))
    assert (outcome.status, outcome.body if status >= 400 else None) == (status, body)
    if status >= 400:
        challenge = 'Bearer realm="http://web/", error="invalid_token"'
        assert outcome.header("www-authenticate") == challenge


def test_grpc_reads_a_bad_token_as_unauthenticated():
    state = changes.apply(WORLD, [authentication(RULE)])
    outcome = only(ask(state, "grpc://color/ColorService/Center", authorization="Bearer x.y"))
    assert (outcome.status, outcome.grpc_status, outcome.header("grpc-message")) == (200, 16, BAD_FORMAT)


ELSEWHERE = {
    "fromHeaders": [{"name": "X-Jwt"}, {"name": "x-mine", "prefix": "Mine "}],
    "fromParams": ["jwt"],
    "fromCookies": ["session"],
}
NONE = {"rules": [{"from": [{"source": {"requestPrincipals": ["*"]}}]}]}


@pytest.mark.parametrize(
    ("rule", "path", "headers", "status", "seen"),
    [
        ({}, "/", {"authorization": "Bearer TOKEN"}, 200, "/"),
        ({}, "/", {"authorization": "bearer TOKEN"}, 403, None),
        ({}, "/", {"authorization": "Basic eDp5"}, 403, None),
        ({}, "/?a=1&access_token=TOKEN&b=2", {}, 200, "/?a=1&b=2"),
        (ELSEWHERE, "/", {"authorization": "Bearer TOKEN"}, 403, None),
        (ELSEWHERE, "/", {"x_jwt": "TOKEN"}, 200, "/"),
        (ELSEWHERE, "/", {"x_mine": "Mine TOKEN"}, 200, "/"),
        (ELSEWHERE, "/", {"x_mine": "TOKEN"}, 403, None),
        (ELSEWHERE, "/?jwt=TOKEN", {}, 200, "/"),
        (ELSEWHERE, "/", {"cookie": "a=b; session=TOKEN"}, 200, "/"),
        (ELSEWHERE, "/", {"x_jwt": "TOKEN", "x_mine": "Mine bad"}, 401, None),
        (ELSEWHERE, "/", {}, 403, None),
    ],
)
def test_where_tokens_are_looked_for(rule, path, headers, status, seen):
    token = signed(sub="s")
    state = changes.apply(WORLD, [authentication({**RULE, **rule}), policy(NONE)])
    sent = {name: value.replace("TOKEN", token) for name, value in headers.items()}
    outcome = only(ask(state, f"http://web{path.replace('TOKEN', token)}", **sent))
    assert outcome.status == status
    assert (outcome.server_saw and outcome.server_saw.path) == seen
    assert not outcome.server_saw or {"authorization", "x-jwt"}.isdisjoint(dict(outcome.server_saw.headers))


def test_what_the_application_is_told():
    told_by = {
        "forwardOriginalToken": True,
        "outputPayloadToHeader": "X-Payload",
        "outputClaimToHeaders": [
            {"header": "x-sub", "claim": "sub"},
            {"header": "x-level", "claim": "user.level"},
            {"header": "x-admin", "claim": "user.admin"},
            {"header": "x-groups", "claim": "groups"},
            {"header": "x-none", "claim": "none"},
        ],
    }
    state = changes.apply(WORLD, [authentication({**RULE, **told_by})])
    token = signed(sub="s", user={"level": 7, "admin": True}, groups=["a", "b"])
    forged = {"x_sub": "forged", "x_none": "forged", "x_payload": "forged"}
    saw = only(ask(state, authorization=f"Bearer {token}", **forged)).server_saw
    names = ("authorization", "x-payload", "x-sub", "x-level", "x-admin", "x-groups", "x-none")
    assert [saw.header(name) for name in names] == [
        f"Bearer {token}",
        token.split(".")[1],
        "s",
        "7",
        "true",
        "WyJhIiwiYiJd",
        None,
    ]
    assert only(ask(state, **forged)).server_saw.header("x-sub") is None


@pytest.mark.parametrize(
    ("spec", "name", "checked"),
    [
        ({}, "ist/auth", True),
        ({}, "istio-system/auth", True),
        ({}, "bare/auth", False),
        ({"selector": {"matchLabels": {"app": "web"}}}, "ist/auth", True),
        ({"selector": {"matchLabels": {"app": "web"}}}, "istio-system/auth", True),
        ({"selector": {"matchLabels": {"app": "admin"}}}, "ist/auth", False),
        ({"targetRefs": [{"kind": "Service", "name": "web"}]}, "ist/auth", False),
    ],
)
def test_which_servers_check(spec, name, checked):
    state = changes.apply(WORLD, [authentication(RULE, name=name, **spec)])
    assert only(ask(state, authorization="Bearer x")).status == (401 if checked else 200)


def test_a_preflight_needs_no_token():
    state = changes.apply(WORLD, [authentication(RULE)])
    preflight = {"origin": "http://o", "access_control_request_method": "GET"}
    assert only(ask(state, method="OPTIONS", authorization="Bearer x", **preflight)).status == 200
    assert only(ask(state, method="OPTIONS", authorization="Bearer x")).status == 401


CLAIMS = Token.of(
    {
        "iss": A,
        "sub": "admin@a",
        "aud": ["x", "y"],
        "azp": "app-1",
        "scope": "read write",
        "level": 5,
        "realm": {"roles": ["ops", "dev"], "https://x.y/z": "q"},
    }
)
FROM = "{rules: [{from: [{source: {%s}}]}]}"
WHEN = "{rules: [{when: [{key: '%s', %s}]}]}"


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [
        (FROM % "requestPrincipals: ['*']", OK),
        (FROM % f"requestPrincipals: ['{A}/admin@a']", OK),
        (FROM % f"requestPrincipals: ['{A}/*']", OK),
        (FROM % f"requestPrincipals: ['{A}/admin*']", OK),
        (FROM % f"requestPrincipals: ['{A}/other']", DENIED),
        (FROM % f"requestPrincipals: ['{A}*']", DENIED),  # up to the last slash it is the issuer
        (FROM % "requestPrincipals: ['*/admin@a']", OK),
        (FROM % "requestPrincipals: ['*.example/admin@a']", OK),
        (FROM % "requestPrincipals: ['*@a']", OK),
        (FROM % f"requestPrincipals: ['{A}']", DENIED),
        (FROM % "notRequestPrincipals: ['*']", DENIED),
        (WHEN % ("request.auth.principal", f"values: ['{A}/*']"), OK),
        (WHEN % ("request.auth.audiences", "values: [y]"), OK),
        (WHEN % ("request.auth.audiences", "values: [z]"), DENIED),
        (WHEN % ("request.auth.audiences", "notValues: [y]"), DENIED),
        (WHEN % ("request.auth.presenter", "values: ['app-*']"), OK),
        (WHEN % ("request.auth.claims[iss]", f"values: ['{A}']"), OK),
        (WHEN % ("request.auth.claims[scope]", "values: [write]"), OK),
        (WHEN % ("request.auth.claims[scope]", "values: ['read write']"), DENIED),
        (WHEN % ("request.auth.claims[level]", "values: ['5']"), DENIED),
        (WHEN % ("request.auth.claims[realm][roles]", "values: [dev]"), OK),
        (WHEN % ("request.auth.claims[realm][roles]", "values: ['*']"), OK),
        (WHEN % ("request.auth.claims[realm][roles]", "values: [sales]"), DENIED),
        (WHEN % ("request.auth.claims[realm][https://x.y/z]", "values: [q]"), OK),
        (WHEN % ("request.auth.claims[none]", "values: ['*']"), DENIED),
        (WHEN % ("request.auth.claims[none]", "notValues: ['*']"), OK),
    ],
)
def test_rules_look_into_claims(spec, outcome):
    state = changes.apply(WORLD, [authentication(RULE), policy(spec)])
    assert told(ask(state, token=CLAIMS)) == {outcome: 1}


@pytest.mark.parametrize("objects", [[], [authentication({"issuer": B, "fromHeaders": [{"name": "x"}]})]])
def test_claims_of_a_token_that_nobody_verifies_count_for_nothing(objects):
    state = changes.apply(WORLD, [*objects, policy(FROM % "requestPrincipals: ['*']")])
    assert told(ask(state, token=CLAIMS)) == {DENIED: 1}


def test_the_trace_names_the_rule_and_what_it_takes_for_granted():
    (group,) = ask(changes.apply(WORLD, [authentication({"issuer": "z"}, RULE)]), token=CLAIMS).groups
    reasons = [str(reason) for reason in group.trace]
    assert any(
        "RequestAuthentication ist/auth spec.jwtRules[1]" in one
        and f"the token of {A}/admin@a is valid, its signature taken for granted" in one
        for one in reasons
    )


def test_a_token_is_taken_away_before_the_application():
    saw = only(ask(changes.apply(WORLD, [authentication(RULE)]), token=CLAIMS)).server_saw
    assert saw.header("authorization") is None
    assert only(ask(WORLD, token=CLAIMS)).server_saw.header("authorization") == f"Bearer {CLAIMS.text}"


@pytest.mark.parametrize(
    ("pairs", "claims"),
    [
        (["iss=a", "sub=b=c"], {"iss": "a", "sub": "b=c"}),
        (["aud=a", "aud=b", "aud=c"], {"aud": ["a", "b", "c"]}),
        (["exp=10"], {"exp": 10}),
        (["a.b.c=d", "a.e=f"], {"a": {"b": {"c": "d"}, "e": "f"}}),
        (["[x.y][z]=d"], {"x.y": {"z": "d"}}),
    ],
)
def test_claims_are_written_short(pairs, claims):
    assert Token.parse(pairs).claims == claims


FILES = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: 'l5d/echo:v1'}]}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: auth, namespace: shop}
spec: {jwtRules: [{issuer: me, jwksUri: 'https://me.example/keys'}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ops, namespace: shop}
spec: {rules: [{when: [{key: 'request.auth.claims[realm][roles]', values: [ops]}]}]}
"""


@pytest.mark.parametrize(
    ("claims", "outcome"),
    [
        (["iss=me", "realm.roles=dev", "realm.roles=ops"], "always: 200 from shop/web"),
        (["iss=me", "realm.roles=dev"], "always: 403"),
        (["iss=you"], "always: 401"),
        ([], "always: 403"),
    ],
)
def test_harness_explain_takes_claims(claims, outcome, tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(FILES)
    options = [part for claim in claims for part in ("--claim", claim)]
    asked = ["explain", "-f", str(file), "--from", "shop/web", "http://web/", *options]
    result = CliRunner().invoke(cli, asked)
    assert outcome in result.stdout, result.output
    told_as_data = json.loads(CliRunner().invoke(cli, [*asked, "--json"]).stdout)
    assert (told_as_data["request"]["claims"] or {}).get("iss") == (claims[0][4:] if claims else None)


def test_harness_explain_says_what_is_no_claim(tmp_path):
    file = tmp_path / "shop.yaml"
    file.write_text(FILES)
    result = CliRunner().invoke(
        cli, ["explain", "-f", str(file), "--from", "shop/web", "http://web/", "--claim", "a"]
    )
    assert result.exit_code == 2
    assert "'a' isn't a claim: write NAME=VALUE" in result.stderr


@pytest.mark.parametrize(
    "pairs", [["a"], ["=b"], ["exp=soon"], ["a=b", "a.c=d"], ["a.c=d", "a=b"], ["a..b=c"]]
)
def test_what_is_no_claim(pairs):
    with pytest.raises(ValueError, match="claim"):
        Token.parse(pairs)


def test_a_request_has_one_token():
    with pytest.raises(ValueError, match="not both"):
        Request(Workload("a", "b"), "http://c/", headers=(("Authorization", "x"),), token=CLAIMS)


@pytest.mark.parametrize(
    ("rule", "token", "match"),
    [
        (
            {"jwks": None, "jwksUri": "https://a.example/keys"},
            to_sign(),
            "jwtRules.0..jwksUri isn't modelled",
        ),
        (
            {"outputClaimToHeaders": [{"header": "x", "claim": "user"}]},
            to_sign(user={"a": "b"}),
            "claim isn't modelled",
        ),
    ],
)
def test_not_modelled(rule, token, match):
    state = changes.apply(WORLD, [authentication({**RULE, **rule})])
    with pytest.raises(NotModelledError) as caught:
        ask(state, authorization=f"Bearer {token()}")
    assert re.search(match, str(caught.value))


@pytest.mark.parametrize(
    ("token", "body"),
    [(to_sign(), None), (to_sign({"kid": "x"}), "Jwks doesn't have key to match kid or alg from Jwt")],
)
def test_keys_at_a_uri_are_those_that_are_told(token, body):
    uri = "https://a.example/keys?v=1"
    state = changes.apply(WORLD, [authentication({**RULE, "jwks": None, "jwksUri": uri})])
    state = replace(state, outside=Outside({uri: key_set()}))
    outcome = only(ask(state, authorization=f"Bearer {token()}"))
    assert (outcome.status, outcome.body if body else None) == (401 if body else 200, body)


# what the file holds (None: there is none), what is told
NO_KEYS = {
    "no file": (None, "can't be read"),
    "no JSON": ("keys", "isn't JSON"),
    "no key set": ("[]", "isn't a JSON Web Key Set"),
}


@pytest.mark.parametrize(("text", "words"), NO_KEYS.values(), ids=NO_KEYS)
def test_a_file_without_keys_is_told(text, words, tmp_path):
    file, keys = tmp_path / "shop.yaml", tmp_path / "keys.json"
    file.write_text(FILES)
    if text is not None:
        keys.write_text(text)
    asked = [
        "explain",
        "-f",
        str(file),
        "--from",
        "shop/web",
        "http://web/",
        "--jwks",
        f"https://me.example/keys={keys}",
    ]
    result = CliRunner().invoke(cli, asked)
    assert result.exit_code == 2
    assert f"{keys}: {words}" in result.stderr


def test_harness_explain_takes_keys_in_a_file(tmp_path):
    file, keys = tmp_path / "shop.yaml", tmp_path / "keys.json"
    file.write_text(FILES)
    keys.write_text(key_set())
    token = signed(iss="me", realm={"roles": ["ops"]})
    asked = [
        "explain",
        "-f",
        str(file),
        "--from",
        "shop/web",
        "http://web/",
        "-H",
        f"authorization: Bearer {token}",
    ]
    without = CliRunner().invoke(cli, [*asked, "--strict"])
    assert without.exit_code == 2
    assert "--jwks https://me.example/keys=FILE" in without.stderr
    result = CliRunner().invoke(cli, [*asked, "--jwks", f"https://me.example/keys={keys}"])
    assert "always: 200 from shop/web" in result.stdout, result.output


def test_what_is_wrong_without_any_key_is_known_without_them():
    state = changes.apply(
        WORLD, [authentication({**RULE, "jwks": None, "jwksUri": "https://a.example/keys"})]
    )
    assert only(ask(state, authorization=f"Bearer {signed(exp=1)}")).body == "Jwt is expired"
    assert told(ask(state, token=CLAIMS)) == {OK: 1}


@pytest.mark.parametrize(
    ("rule", "match"),
    [
        ({"issuer": None}, "issuer or jwksUri must be non-empty string"),
        ({"jwksUri": "https://x/"}, "only one of jwks or jwksUri can be set"),
        ({"jwks": None, "jwksUri": "ftp://x/"}, "url must have scheme"),
        ({"jwks": "no json"}, "jwks parse error"),
        ({"fromHeaders": [{"prefix": "x"}]}, "name: Required value"),
    ],
)
def test_refused(rule, match):
    with pytest.raises(Refused, match=match):
        changes.apply(WORLD, [authentication({**RULE, **rule})])


def test_an_issuer_without_slashes_can_be_meant_by_its_beginning():
    token = Token.of({"iss": "me@example", "sub": "s"})
    for prefix, outcome in (("me@*", OK), ("you@*", DENIED)):
        rules = [authentication({"issuer": "me@example"}), policy(FROM % f"requestPrincipals: ['{prefix}']")]
        assert told(ask(changes.apply(WORLD, rules), token=token)) == {outcome: 1}

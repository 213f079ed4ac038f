"""How Istio's security policies are read: what each asks, of whom, and where that is written."""

import pytest

from harness.api.istio.security.authentication import PeerAuthentication, RequestAuthentication
from harness.api.istio.security.authorization_policy import AuthorizationPolicy, path_condition, wildcard
from tests.model.clusters import resource

SECURITY = "security.istio.io/v1"


def policy(spec: str, **annotations: str) -> AuthorizationPolicy:
    made = resource("AuthorizationPolicy", "shop/p", spec, SECURITY)
    made.data["metadata"]["annotations"] = annotations
    return AuthorizationPolicy.of(made)


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        (
            "{from: [{source: {principals: [a], notPrincipals: [b], ipBlocks: [10.0.0.0/8]}}]}",
            [
                ("spec.rules[0].from", "source.principal", ("a",), ("b",)),
                ("spec.rules[0].from", "source.ip", ("10.0.0.0/8",), ()),
            ],
        ),
        (
            "{to: [{operation: {notPaths: [/x], methods: [GET]}}], when: [{key: 'k[a]', notValues: [v]}]}",
            [
                ("spec.rules[0].when[0]", "k[a]", (), ("v",)),
                ("spec.rules[0].to", "request.method", ("GET",), ()),
                ("spec.rules[0].to", "request.path", (), ("/x",)),
            ],
        ),
        ("null", []),
    ],
)
def test_a_rule_says_what_it_asks_of_each_attribute(rule, asked):
    (read,) = policy("{rules: [" + rule + "]}").rules
    assert [(one.field, one.key, one.values, one.unwanted) for one in read.attributes] == asked


@pytest.mark.parametrize(
    ("rule", "anyone"),
    [
        ("{}", True),
        ("{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}", True),
        ("{from: [{source: {namespaces: [a]}}]}", False),
        ("{from: [{source: {namespaces: [a]}}, {source: {notNamespaces: [b]}}]}", True),
        ("{from: [{source: {trustDomains: [a]}}]}", False),
        ("{when: [{key: source.serviceAccount, values: [a]}]}", False),
        ("{when: [{key: source.namespace, notValues: [a]}]}", True),
    ],
)
def test_whether_a_rule_takes_anyone(rule, anyone):
    assert policy("{rules: [" + rule + "]}").rules[0].takes_anyone is anyone


@pytest.mark.parametrize(
    ("spec", "action"), [("{}", "ALLOW"), ("{action: ''}", "ALLOW"), ("{action: DENY}", "DENY")]
)
def test_action(spec, action):
    assert policy(spec).action == action


@pytest.mark.parametrize(
    ("value", "tried"), [("true", True), ("T", True), ("1", True), ("yes", False), ("false", False)]
)
def test_a_dry_run_is_what_go_takes_for_true(value, tried):
    assert policy("{}", **{"istio.io/dry-run": value}).is_dry_run is tried


def test_targets_by_either_field():
    one = policy("{targetRef: {kind: Gateway, name: a, group: g}}")
    many = policy("{targetRefs: [{kind: Gateway, name: a}, {kind: Service, name: b}]}")
    assert [(target.group, target.kind, target.name) for target in one.targets] == [("g", "Gateway", "a")]
    assert [target.path for target in many.targets] == ["spec.targetRefs[0]", "spec.targetRefs[1]"]
    assert policy("{selector: {matchLabels: {app: a}}}").labels == {"app": "a"}


@pytest.mark.parametrize(
    ("pattern", "texts", "others"),
    [
        ("*", ["", "a"], []),
        ("/a*", ["/a", "/ab"], ["/"]),
        ("*/a", ["/a", "x/a"], ["/ab"]),
        ("/a", ["/a"], ["/a/"]),
    ],
)
def test_values_of_policies(pattern, texts, others):
    assert all(map(wildcard(pattern).holds, texts))
    assert not any(map(wildcard(pattern).holds, others))


@pytest.mark.parametrize(
    ("template", "paths", "others"),
    [
        ("/a/{*}", ["/a/b", "/a/b-c.d~e"], ["/a/", "/a/b/c", "/a/b c", "/a/é", '/a/"']),
        ("/a/{**}", ["/a/", "/a/b/c"], ["/a", '/a/b"c']),
        ("/{*}/b/{**}", ["/a/b/", "/a/b/c/d"], ["/a/c/b/", "//b/"]),
        ("/a.b/{*}", ["/a.b/c"], ["/axb/c"]),
        ("/{a}", ["/{a}"], ["/a"]),
    ],
)
def test_templates_of_paths(template, paths, others):
    condition = path_condition(template)
    assert all(map(condition.holds, paths))
    assert not any(map(condition.holds, others))


def test_peer_authentication():
    spec = "{selector: {matchLabels: {app: a}}, mtls: {mode: STRICT}, portLevelMtls: {8080: {mode: DISABLE}, '9090': {}}}"
    read = PeerAuthentication.of(resource("PeerAuthentication", "shop/p", spec, SECURITY))
    assert (read.labels, read.mtls.mode) == ({"app": "a"}, "STRICT")
    assert {port: part.mode for port, part in read.ports.items()} == {"8080": "DISABLE", "9090": "UNSET"}
    assert read.ports["8080"].at("mode") == "spec.portLevelMtls.8080.mode"
    assert list(read.unread()) == []


def test_request_authentication():
    spec = (
        "{jwtRules: [{issuer: i, audiences: [a], fromHeaders: [{name: X, prefix: 'P '}], fromParams: [t], "
        "outputClaimToHeaders: [{header: h, claim: c}], forwardOriginalToken: true, timeout: 5s}]}"
    )
    (rule,) = RequestAuthentication.of(resource("RequestAuthentication", "shop/p", spec, SECURITY)).rules
    assert (rule.issuer, rule.audiences, rule.from_params, rule.forward_original_token) == (
        "i",
        ("a",),
        ("t",),
        True,
    )
    assert [(header.name, header.prefix) for header in rule.from_headers] == [("X", "P ")]
    assert [output.at("claim") for output in rule.output_claim_to_headers] == [
        "spec.jwtRules[0].outputClaimToHeaders[0].claim"
    ]
    assert list(rule.output_claim_to_headers[0].unread()) == [
        "spec.jwtRules[0].outputClaimToHeaders[0].header",
        "spec.jwtRules[0].outputClaimToHeaders[0].claim",
    ]
    assert "spec.jwtRules[0].timeout" in list(rule.unread())

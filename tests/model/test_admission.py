from __future__ import annotations

import pytest

from harness.errors import NotModelledError
from harness.model import Refused
from tests.model.clusters import ISTIO, LINKERD, cluster, resource

STATE = cluster(ISTIO, LINKERD)
SECURITY = "security.istio.io/v1"
POLICY = "policy.linkerd.io/v1alpha1"
ROUTE = 'parentRefs: [{kind: Service, name: a, group: ""}]'
TO_A = "route: [{destination: {host: a}}]"


@pytest.mark.parametrize(
    ("kind", "spec", "api", "words"),
    [
        (
            "VirtualService",
            "{hosts: [a], http: [{route: [{destination: {host: a}}, {destination: {host: b}}]}]}",
            "",
            'webhook "validation.istio.io" denied the request: configuration is invalid: '
            "total destination weight = 0",
        ),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{redirect: {{uri: /x}}, {TO_A}}}]}}",
            "",
            "HTTP route cannot contain both route and redirect",
        ),
        ("VirtualService", "{hosts: [a]}", "", "http, tcp or tls must be provided in virtual service"),
        ("VirtualService", f'{{hosts: ["*"], http: [{{{TO_A}}}]}}', "", "wildcard host * is not allowed"),
        (
            "VirtualService",
            f"{{hosts: a, http: [{{{TO_A}}}]}}",
            "",
            "spec.hosts in body must be of type array",
        ),
        (
            "VirtualService",
            "{hosts: [a], http: [{timeout: 5}]}",
            "",
            "spec.http[0].timeout in body must be of type",
        ),
        ("DestinationRule", "{subsets: [{name: v1}]}", "", "destination rule must have a host"),
        ("PeerAuthentication", "{mtls: {mode: BLAH}}", "", 'Unsupported value: "BLAH"'),
        (
            "PeerAuthentication",
            '{portLevelMtls: {"80": {mode: STRICT}}}',
            "",
            "mesh/namespace peer authentication cannot have port level mTLS",
        ),
        ("AuthorizationPolicy", "{action: DENY}", SECURITY, "DENY action without `rules` is meaningless"),
        (
            "AuthorizationPolicy",
            "{rules: [{from: []}]}",
            SECURITY,
            "`from` must not be empty, found at rule 0",
        ),
        (
            "AuthorizationPolicy",
            "{rules: [{when: [{key: source.ip}]}]}",
            SECURITY,
            "at least one of `values` or `notValues` must be set for key source.ip",
        ),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{backendRefs: [{{name: a}}]}}]}}",
            "",
            'The HTTPRoute "x" is invalid: spec.rules[0].backendRefs[0]: Invalid value: "object": '
            "Must have port for Service reference",
        ),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{matches: [{{path: {{value: v2}}}}]}}]}}",
            "",
            "value must be an absolute path and start with '/'",
        ),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{filters: [{{type: RequestRedirect, requestRedirect: {{port: 1}}}}],"
            " backendRefs: [{name: a, port: 80}]}]}",
            "",
            "RequestRedirect filter must not be used together with backendRefs",
        ),
        (
            "MeshTLSAuthentication",
            '{identities: ["client.*"]}',
            "",
            "id client.* is invalid: identity must be",
        ),
        (
            "MeshTLSAuthentication",
            "{identities: [cluster.local/ns/a/sa/b]}",
            "",
            "identity must be a valid SPIFFE id or a DNS SAN",
        ),
        ("NetworkAuthentication", "{networks: []}", "", "at least one network must be specified"),
        (
            "NetworkAuthentication",
            "{networks: [{cidr: 10.0.0.0/8, except: [10.0.0.0/7]}]}",
            "",
            "is completely negated by exception",
        ),
        (
            "Server",
            "{port: 80, accessPolicy: open}",
            "",
            "Invalid 'accessPolicy' field: invalid mode: \"open\"",
        ),
        (
            "AuthorizationPolicy",
            "{targetRef: {kind: Namespace, name: other}}",
            POLICY,
            "cannot target another namespace: other",
        ),
        (
            "AuthorizationPolicy",
            "{targetRef: {kind: Server, name: s}, requiredAuthenticationRefs: "
            "[{kind: MeshTLSAuthentication, name: a}, {kind: ServiceAccount, name: b}]}",
            POLICY,
            "a MeshTLSAuthentication and ServiceAccount may not be set together",
        ),
        ("HTTPRoute", "{}", "gateway.networking.k8s.io/v9", 'no matches for kind "HTTPRoute" in version'),
    ],
)
def test_refused(kind, spec, api, words):
    with pytest.raises(Refused) as caught:
        STATE.apply([resource(kind, "bare/x", spec, api)])
    assert words in caught.value.what
    assert caught.value.where == "test.yaml:x"


@pytest.mark.parametrize(
    ("kind", "spec", "api", "field", "why"),
    [
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{retry: {{}}, {TO_A}}}]}}",
            "",
            "spec.http[0].retry",
            "the API has no such field",
        ),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{corsPolicy: {{}}, {TO_A}}}]}}",
            "",
            "spec.http[0].corsPolicy",
            "the API has this field, but the model doesn't decide on it",
        ),
        ("VirtualService", f"{{http: [{{{TO_A}}}]}}", "", "spec.hosts", "a delegate of another"),
        ("HTTPRoute", "{rules: [{retry: {attempts: 2}}]}", "", "spec.rules[0].retry", "no such field"),
        ("HTTPRoute", "{rule: []}", "", "spec.rule", "no such field"),
        ("EnvoyFilter", "{}", "networking.istio.io/v1alpha3", "", "knows no networking.istio.io/v1alpha3"),
        ("EgressNetwork", "{}", "policy.linkerd.io/v1alpha1", "", "knows no policy.linkerd.io"),
        ("NetworkPolicy", "{}", "networking.k8s.io/v1", "", "knows no networking.k8s.io/v1"),
        ("Rollout", "{}", "argoproj.io/v1alpha1", "", "knows no argoproj.io"),
    ],
)
def test_not_modelled(kind, spec, api, field, why):
    with pytest.raises(NotModelledError) as caught:
        STATE.apply([resource(kind, "bare/x", spec, api)])
    assert caught.value.what == f"{kind} bare/x{' ' + field if field else ''} isn't modelled"
    assert why in caught.value.why
    assert caught.value.where == "test.yaml:x"


def test_a_close_field_is_named():
    with pytest.raises(NotModelledError) as caught:
        STATE.apply([resource("HTTPRoute", "bare/x", "{parentRef: []}")])
    assert "did you mean parentRefs?" in caught.value.todo


@pytest.mark.parametrize(
    ("kind", "api"),
    [
        ("ConfigMap", "v1"),
        ("Secret", "v1"),
        ("Role", "rbac.authorization.k8s.io/v1"),
        ("HorizontalPodAutoscaler", "autoscaling/v2"),
        ("PodDisruptionBudget", "policy/v1"),
        ("Job", "batch/v1"),
        ("Telemetry", "telemetry.istio.io/v1"),
    ],
)
def test_what_traffic_does_not_notice_is_stored(kind, api):
    one = resource(kind, "bare/x", "{anything: goes}", api)
    assert STATE.apply([one]).get(one.group, kind, "bare", "x") == one

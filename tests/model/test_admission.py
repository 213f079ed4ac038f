from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import Refused, changes
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
        ("DestinationRule", "{subsets: [{name: v1}]}", "", "spec.host: Required value"),
        ("PeerAuthentication", "{mtls: {mode: BLAH}}", "", 'Unsupported value: "BLAH"'),
        (
            "PeerAuthentication",
            '{portLevelMtls: {"80": {mode: STRICT}}}',
            "",
            'spec: Invalid value: "object": portLevelMtls requires selector',
        ),
        ("AuthorizationPolicy", "{action: DENY}", SECURITY, "DENY action without `rules` is meaningless"),
        (
            "AuthorizationPolicy",
            "{rules: [{from: [{}]}]}",
            SECURITY,
            "`from.source` must not be nil, found at rule 0",
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
            "{podSelector: {}, port: 80, accessPolicy: open}",
            "",
            "Invalid 'accessPolicy' field: invalid mode: \"open\"",
        ),
        (
            "AuthorizationPolicy",
            "{targetRef: {kind: Namespace, name: other}, requiredAuthenticationRefs: []}",
            POLICY,
            "cannot target another namespace: other",
        ),
        (
            "AuthorizationPolicy",
            "{targetRef: {group: policy.linkerd.io, kind: Server, name: s}, requiredAuthenticationRefs: "
            "[{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: a}, {kind: ServiceAccount, name: b}]}",
            POLICY,
            "a MeshTLSAuthentication and ServiceAccount may not be set together",
        ),
        # required fields, in the API's words
        ("Service", "{ports: [{}]}", "", 'The Service "x" is invalid: spec.ports[0].port: Required value'),
        ("Service", "{selector: {a: b}}", "", "spec.ports: Required value"),
        ("Service", "{ports: [{port: 1}, {port: 2}]}", "", "spec.ports[0].name: Required value"),
        ("Deployment", None, "", 'The Deployment "x" is invalid: spec.selector: Required value'),
        (
            "Deployment",
            "{selector: {matchLabels: {a: b}}}",
            "",
            "spec.template.spec.containers: Required value",
        ),
        (
            "Deployment",
            "{selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: c}]}}}",
            "",
            "spec.template.spec.containers[0].image: Required value",
        ),
        (
            "Deployment",
            "{selector: {matchLabels: {a: b}}, template: {spec: {containers: [{name: c, image: i}]}}}",
            "",
            "spec.template.metadata.labels: Invalid value: {}: `selector` does not match template `labels`",
        ),
        (
            "VirtualService",
            "{hosts: [a], http: [{route: [{weight: 1}]}]}",
            "",
            'The VirtualService "x" is invalid: spec.http[0].route[0].destination: Required value',
        ),
        (
            "VirtualService",
            "{hosts: [a], http: [{route: [{destination: {host: null}}]}]}",
            "",
            "spec.http[0].route[0].destination.host: Required value",
        ),
        ("Server", "{podSelector: {}}", "", "spec.port: Required value"),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{backendRefs: [{{port: 80}}]}}]}}",
            "",
            "spec.rules[0].backendRefs[0].name: Required value",
        ),
        ("HTTPRoute", None, "", "spec: Required value"),
        ("AuthorizationPolicy", "{requiredAuthenticationRefs: []}", POLICY, "spec.targetRef: Required value"),
        (
            "AuthorizationPolicy",
            "{rules: [{when: [{values: [a]}]}]}",
            SECURITY,
            "when[0].key: Required value",
        ),
        # wrong types and forms
        ("Service", "{ports: http}", "", "spec.ports in body must be of type array"),
        (
            "Service",
            "{ports: [{port: 0}]}",
            "",
            "spec.ports[0].port: Invalid value: 0: must be between 1 and",
        ),
        ("Pod", "{containers: [null]}", "", 'spec.containers[0] in body must be of type object: "null"'),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{match: [{{uri: {{exact: /, prefix: /}}}}], {TO_A}}}]}}",
            "",
            '"spec.http[0].match[0].uri" must validate one and only one schema (oneOf). '
            "Found 2 valid alternatives",
        ),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{timeout: soon, {TO_A}}}]}}",
            "",
            'spec.http[0].timeout: Invalid value: "soon": must be a valid duration',
        ),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{fault: {{abort: {{grpcStatus: GONE}}}}, {TO_A}}}]}}",
            "",
            'gRPC status "GONE" is not supported',
        ),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{fault: {{delay: {{percentage: {{value: 101}}}}}}, {TO_A}}}]}}",
            "",
            "percentage 101 is neither 0.0, nor in range [0.0001, 100.0]",
        ),
        (
            "VirtualService",
            f"{{hosts: [a], http: [{{retries: {{attempts: 2, retryOn: 5XX}}, {TO_A}}}]}}",
            "",
            '"5XX" is not a valid retryOn policy',
        ),
        (
            "AuthorizationPolicy",
            "{rules: [{from: [{source: {ipBlocks: [10.0.0.0/40]}}]}]}",
            SECURITY,
            "bad CIDR range (10.0.0.0/40)",
        ),
        (
            "AuthorizationPolicy",
            "{rules: [{to: [{operation: {ports: [http]}}]}]}",
            SECURITY,
            "bad port (http)",
        ),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{timeouts: {{request: 1.5s}}}}]}}",
            "",
            "spec.rules[0].timeouts.request in body should match",
        ),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{backendRefs: [{{name: a, port: 80, weight: -1}}]}}]}}",
            "",
            "weight in body should be greater than or equal to 0",
        ),
        (
            "HTTPRoute",
            f"{{{ROUTE}, rules: [{{filters: [{{type: URLRewrite, urlRewrite: "
            "{path: {type: ReplaceFullPath}}}]}]}",
            "",
            "replaceFullPath must be specified when type is set to 'ReplaceFullPath'",
        ),
        ("NetworkAuthentication", "{networks: [{cidr: pods}]}", "", "networks[0].cidr: Invalid value"),
        ("HTTPRoute", "{}", "gateway.networking.k8s.io/v9", 'no matches for kind "HTTPRoute" in version'),
    ],
)
def test_refused(kind, spec, api, words):
    with pytest.raises(Refused) as caught:
        changes.apply(STATE, [resource(kind, "bare/x", spec, api)])
    assert words in caught.value.what
    assert caught.value.where == "test.yaml:x"


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("Service", "bare/1st", 'metadata.name: Invalid value: "1st": a DNS-1035 label must consist of'),
        ("Service", "bare/a.b", 'metadata.name: Invalid value: "a.b": a DNS-1035 label must consist of'),
        ("Sidecar", "bare/A", 'metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must'),
        ("Sidecar", "b_re/a", 'metadata.namespace: Invalid value: "b_re": a lowercase RFC 1123 label must'),
    ],
)
def test_names_that_can_be_none(kind, name, words):
    with pytest.raises(Refused) as caught:
        changes.apply(STATE, [resource(kind, name, "{ports: [{port: 80}]}")])
    assert words in caught.value.what


@pytest.mark.parametrize(
    ("kind", "name", "api"),
    [("PeerAuthentication", "bare/a.b-1", ""), ("Role", "bare/System:x", "rbac.authorization.k8s.io/v1")],
)
def test_names_that_can_be(kind, name, api):
    changes.apply(STATE, [resource(kind, name, "{}", api)])


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
            f"{{hosts: [a], http: [{{retries: {{attempts: 21}}, {TO_A}}}]}}",
            "",
            "spec.http[0].retries.attempts",
            "more than 20",
        ),
        (
            "ServiceProfile",
            "{dstOverrides: [{authority: 'a:b:c', weight: 1}]}",
            "",
            "spec.dstOverrides[0].authority",
            "it isn't a Service's name",
        ),
        ("HTTPRoute", "{useDefaultGateways: All}", "", "spec.useDefaultGateways", "doesn't decide on it"),
        ("HTTPRoute", "{rule: []}", "", "spec.rule", "no such field"),
        ("EnvoyFiltre", "{}", "networking.istio.io/v1alpha3", "", "knows no networking.istio.io/v1alpha3"),
        ("Gizmo", "{}", "v1", "", "knows no v1 Gizmo"),
        ("Gadget", "{}", "apps/v1", "", "knows no apps/v1"),
    ],
)
def test_not_modelled(kind, spec, api, field, why):
    with pytest.raises(NotModelledError) as caught:
        changes.apply(STATE, [resource(kind, "bare/x", spec, api)])
    assert caught.value.what == f"{kind} bare/x{' ' + field if field else ''} isn't modelled"
    assert why in caught.value.why
    assert caught.value.where == "test.yaml:x"


@pytest.mark.parametrize(
    ("metadata", "what"),
    [
        ({"labels": {"istio.io/use-waypoint": "w"}}, "label istio.io/use-waypoint"),
    ],
)
def test_marks_of_a_service_that_are_not_modelled(metadata, what):
    with pytest.raises(NotModelledError) as caught:
        changes.apply(STATE, [resource("Service", "bare/x", "{ports: [{port: 80}]}", **metadata)])
    assert caught.value.what == f"Service bare/x {what} isn't modelled"


def test_a_close_field_is_named():
    with pytest.raises(NotModelledError) as caught:
        changes.apply(STATE, [resource("HTTPRoute", "bare/x", "{parentRef: []}")])
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
    ],
)
def test_what_traffic_does_not_notice_is_stored(kind, api):
    one = resource(kind, "bare/x", "{anything: goes}", api)
    assert changes.apply(STATE, [one]).get(one.group, kind, "bare", "x") == one

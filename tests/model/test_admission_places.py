"""Where a webhook's refusal points: to the field that it is about, not only to the object."""

from __future__ import annotations

import textwrap

import pytest
import yaml

from harness.base.vocabulary import Workload
from harness.manifests.files import read_manifests
from harness.model import Model, Refused, changes
from harness.traffic.request import Request
from tests.model.clusters import ABBREVIATIONS, ISTIO, LINKERD, app, cluster

STATE = cluster(ISTIO, LINKERD)
MARK = "# <--"
APIS = {
    **ABBREVIATIONS,
    "AuthorizationPolicy": "security.istio.io/v1",
    "RequestAuthentication": "security.istio.io/v1",
    "LinkerdAuthorizationPolicy": "policy.linkerd.io/v1alpha1",
    "ServerAuthorization": "policy.linkerd.io/v1beta1",
    "HTTPLocalRateLimitPolicy": "policy.linkerd.io/v1alpha1",
    "EgressNetwork": "policy.linkerd.io/v1alpha1",
    "TCPRoute": "gateway.networking.k8s.io/v1alpha2",
}

# The kind, some of the webhook's words, and the object below its name; the mark is on the line that is told.
FAULTS = {
    "a match's text": (
        "VirtualService",
        '"authority": prefix string match should not be empty',
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
          - match:
            - uri: {exact: /}
            - authority:
                prefix: ""  # <--
            route: [{destination: {host: a}}]
        """,
    ),
    "a match's expression": (
        "VirtualService",
        '"uri": regex string match should not be empty',
        """\
        spec:
          hosts: [a]
          http:
          - match:
            - uri:
                regex: ""  # <--
            route: [{destination: {host: a}}]
        """,
    ),
    "a header's expression": (
        "VirtualService",
        "error parsing regexp",
        """\
        spec:
          hosts: [a]
          http:
          - match:
            - headers:
                a.b:
                  regex: "("  # <--
            route: [{destination: {host: a}}]
        """,
    ),
    "a claim": (
        "VirtualService",
        "JWT claim based routing (key: @request.auth.claims[a])",
        """\
        spec:
          hosts: [a]
          http:
          - match:
            - headers:
                "@request.auth.claims[a]":  # <--
                  exact: b
            route: [{destination: {host: a}}]
        """,
    ),
    "a destination": (
        "VirtualService",
        "invalid destination host *",
        """\
        spec:
          hosts: [a]
          http:
          - route:
            - destination: {host: a}
              weight: 1
            - destination:
                host: "*"  # <--
              weight: 1
        """,
    ),
    "weights": (
        "VirtualService",
        "total destination weight = 0",
        """\
        spec:
          hosts: [a]
          http:
          - name: x
            route:  # <--
            - destination: {host: a}
            - destination: {host: b}
        """,
    ),
    "a rule without action": (
        "VirtualService",
        "HTTP route, redirect or direct_response is required",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
          - timeout: 1s  # <--
        """,
    ),
    "a rule with two": (
        "VirtualService",
        "HTTP route cannot contain both route and redirect",
        """\
        spec:
          hosts: [a]
          http:
          - redirect: {uri: /a}
            route:  # <--
            - destination: {host: a}
        """,
    ),
    "retries": (
        "VirtualService",
        '"never" is not a valid retryOn policy',
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            retries:
              attempts: 1
              retryOn: never  # <--
        """,
    ),
    "retries that are disabled": (
        "VirtualService",
        "http retry policy configured when attempts are set to 0",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            retries:
              perTryTimeout: 1s
              attempts: 0  # <--
        """,
    ),
    "a fault": (
        "VirtualService",
        "HTTP fault injection must have an abort and/or a delay",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            fault: {}  # <--
        """,
    ),
    "a fault's status": (
        "VirtualService",
        "HTTP status 199 is not in range",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            fault:
              abort:
                percentage: {value: 1}
                httpStatus: 199  # <--
        """,
    ),
    "a fault's share": (
        "VirtualService",
        "percentage 101 is neither 0.0",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            fault:
              delay:
                fixedDelay: 1s
                percentage:
                  value: 101  # <--
        """,
    ),
    "cors": (
        "VirtualService",
        '"get" is not a supported HTTP method',
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            corsPolicy:
              allowMethods:
              - GET
              - get  # <--
        """,
    ),
    "cors, its origins": (
        "VirtualService",
        "'' is not a valid match type",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            corsPolicy:
              allowOrigins:
              - exact: a
              - exact: ""  # <--
        """,
    ),
    "a mirror": (
        "VirtualService",
        "mirror percentage must have a max value of 100",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            mirrors:
            - destination: {host: b}
              percentage:
                value: 101  # <--
        """,
    ),
    "a redirect": (
        "VirtualService",
        'invalid redirect scheme, must be "http" or "https"',
        """\
        spec:
          hosts: [a]
          http:
          - redirect:
              uri: /a
              scheme: ftp  # <--
        """,
    ),
    "a rewrite": (
        "VirtualService",
        "rewrite must specify at least one of URI",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            rewrite: {}  # <--
        """,
    ),
    "a rewrite's expression": (
        "VirtualService",
        "UriRegexRewrite has errors",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            rewrite:
              uriRegexRewrite:
                rewrite: /
                match: "("  # <--
        """,
    ),
    "headers": (
        "VirtualService",
        'authority header cannot be set multiple times: have "a", attempting to set "b"',
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            rewrite: {authority: a}
            headers:
              request:
                set:
                  x: y
                  Host: b  # <--
        """,
    ),
    "an answer": (
        "VirtualService",
        "HTTP status 199 is not in range",
        """\
        spec:
          hosts: [a]
          http:
          - directResponse:
              body: {string: a}
              status: 199  # <--
        """,
    ),
    "a host twice": (
        "VirtualService",
        "duplicate hosts in virtual service: a & a",
        """\
        spec:
          hosts:
          - a
          - b
          - a  # <--
          http:
          - route: [{destination: {host: a}}]
        """,
    ),
    "no rules": (
        "VirtualService",
        "http, tcp or tls must be provided",
        """\
        spec:  # <--
          hosts: [a]
        """,
    ),
    "a delegate": (
        "VirtualService",
        "delegate virtual service must have no tcp route specified",
        """\
        spec:
          http:
          - route: [{destination: {host: a}}]
          tcp:  # <--
          - route: [{destination: {host: a}}]
        """,
    ),
    "a TLS rule": (
        "VirtualService",
        'SNI host "b" is not a compatible subset',
        """\
        spec:
          hosts: [a]
          tls:
          - match:
            - sniHosts:
              - a
              - b  # <--
            route: [{destination: {host: a}}]
        """,
    ),
    "a TCP rule": (
        "VirtualService",
        "10.0.0.0/33 is not a valid CIDR block",
        """\
        spec:
          hosts: [a]
          tcp:
          - match:
            - port: 1
            - destinationSubnets:
              - 10.0.0.0/33  # <--
            route: [{destination: {host: a}}]
        """,
    ),
    "exports": (
        "VirtualService",
        "duplicate entries in exportTo: . and current namespace bare",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
          exportTo:
          - .
          - b
          - .  # <--
        """,
    ),
    "of several faults the first": (
        "VirtualService",
        "2 errors occurred",
        """\
        spec:
          hosts: [a]
          http:
          - route: [{destination: {host: a}}]
            retries:
              attempts: -1  # <--
          - route: [{destination: {host: "*"}}]
        """,
    ),
    "a server": (
        "Gateway",
        "server must have TLS settings",
        """\
        spec:
          servers:
          - hosts: ["*"]
            port: {number: 80, name: a, protocol: HTTP}
          - hosts: ["*"]  # <--
            port: {number: 443, name: b, protocol: HTTPS}
        """,
    ),
    "a server's protocol": (
        "Gateway",
        'invalid protocol "SMTP"',
        """\
        spec:
          servers:
          - hosts: ["*"]
            port:
              number: 80
              name: a
              protocol: SMTP  # <--
        """,
    ),
    "a server's TLS": (
        "Gateway",
        "ISTIO_MUTUAL TLS cannot have associated credentialName",
        """\
        spec:
          servers:
          - hosts: ["*"]
            port: {number: 443, name: a, protocol: HTTPS}
            tls:
              mode: ISTIO_MUTUAL
              credentialName: a  # <--
        """,
    ),
    "TLS in vain": (
        "Gateway",
        "server cannot have TLS settings for plain text HTTP ports",
        """\
        spec:
          servers:
          - hosts: ["*"]
            port: {number: 80, name: a, protocol: HTTP}
            tls:  # <--
              mode: SIMPLE
              credentialName: a
        """,
    ),
    "a port's name twice": (
        "Gateway",
        "port names in servers must be unique: duplicate name a",
        """\
        spec:
          servers:
          - hosts: ["*"]
            port: {number: 80, name: a, protocol: HTTP}
          - hosts: ["*"]
            port:
              number: 81
              protocol: HTTP
              name: a  # <--
        """,
    ),
    "an entry's host": (
        "ServiceEntry",
        'domain name "*.org" invalid (label "*" invalid)',
        """\
        spec:
          hosts:
          - a.org
          - b.*.org  # <--
          ports: [{number: 80, name: a, protocol: HTTP}]
        """,
    ),
    "an entry's port": (
        "ServiceEntry",
        "invalid port name: a.b",
        """\
        spec:
          hosts: [a.org]
          ports:
          - {number: 80, name: a, protocol: HTTP}
          - number: 81
            name: a.b  # <--
            protocol: HTTP
        """,
    ),
    "an entry's endpoint": (
        "ServiceEntry",
        'endpoint address "b.org" is not a valid IP address',
        """\
        spec:
          hosts: [a.org]
          resolution: STATIC
          ports: [{number: 80, name: a, protocol: HTTP}]
          endpoints:
          - address: 10.0.0.1
          - address: b.org  # <--
        """,
    ),
    "an endpoint's port": (
        "ServiceEntry",
        "endpoint port 81 is not defined by the service entry",
        """\
        spec:
          hosts: [a.org]
          resolution: STATIC
          ports: [{number: 80, name: a, protocol: HTTP}]
          endpoints:
          - address: 10.0.0.1
            ports:
              a: 80
              b: 81  # <--
        """,
    ),
    "a WorkloadEntry": (
        "WorkloadEntry",
        "address is required",
        """\
        spec:
          labels: {a: b}
          address: ""  # <--
        """,
    ),
    "a Sidecar": (
        "Sidecar",
        "host must be of form namespace/dnsName",
        """\
        spec:
          egress:
          - hosts:
            - ./a.org
            - a  # <--
        """,
    ),
    "a subset": (
        "DestinationRule",
        "duplicate subset names: a",
        """\
        spec:
          host: a
          subsets:
          - name: a
          - labels: {a: b}
            name: a  # <--
        """,
    ),
    "a traffic policy": (
        "DestinationRule",
        "connection pool must have at least one field",
        """\
        spec:
          host: a
          trafficPolicy:
            connectionPool: {}  # <--
        """,
    ),
    "a port's traffic policy": (
        "DestinationRule",
        "port traffic policy must have at least one field",
        """\
        spec:
          host: a
          trafficPolicy:
            portLevelSettings:
            - port: {number: 80}  # <--
        """,
    ),
    "a subset's traffic policy": (
        "DestinationRule",
        "client certificate required for mutual tls",
        """\
        spec:
          host: a
          subsets:
          - name: a
            trafficPolicy:
              tls:  # <--
                mode: MUTUAL
                privateKey: a
        """,
    ),
    "a target": (
        "AuthorizationPolicy",
        "targetRef must be to one of",
        """\
        spec:
          targetRefs:
          - {kind: Service, name: a}
          - name: b
            kind: Deployment  # <--
          rules: [{}]
        """,
    ),
    "JWT rules": (
        "RequestAuthentication",
        "jwks parse error",
        """\
        spec:
          jwtRules:
          - issuer: a
          - issuer: b
            jwks: "{"  # <--
        """,
    ),
    "an action": (
        "AuthorizationPolicy",
        "DENY action without `rules` is meaningless",
        """\
        spec:
          selector: {matchLabels: {a: b}}
          action: DENY  # <--
        """,
    ),
    "from": (
        "AuthorizationPolicy",
        "bad CIDR range (10.0.0.0/33)",
        """\
        spec:
          rules:
          - from:
            - source: {namespaces: [a]}
            - source:
                notIpBlocks:
                - 10.0.0.0/8
                - 10.0.0.0/33  # <--
        """,
    ),
    "from, under CUSTOM": (
        "AuthorizationPolicy",
        "From.Principals is currently not supported with CUSTOM action",
        """\
        spec:
          action: CUSTOM
          provider: {name: a}
          rules:
          - from:
            - source:
                principals: [a]  # <--
        """,
    ),
    "to": (
        "AuthorizationPolicy",
        "bad port (http)",
        """\
        spec:
          rules:
          - {}
          - to:
            - operation:
                ports:
                - "80"
                - http  # <--
        """,
    ),
    "to, empty": (
        "AuthorizationPolicy",
        "`to.operation` must not be empty, found at rule 0",
        """\
        spec:
          rules:
          - to:
            - operation: {}  # <--
        """,
    ),
    "a path": (
        "AuthorizationPolicy",
        "{**} is not the last operator",
        """\
        spec:
          rules:
          - to:
            - operation:
                paths:
                - /a
                - /{**}/{*}  # <--
        """,
    ),
    "when": (
        "AuthorizationPolicy",
        "invalid `notValue` for `key` destination.port: bad port (b)",
        """\
        spec:
          rules:
          - when:
            - key: destination.port
              values: ["80"]
              notValues:
              - "81"
              - b  # <--
        """,
    ),
    "when, its key": (
        "AuthorizationPolicy",
        "unknown attribute: source.name",
        """\
        spec:
          rules:
          - when:
            - values: [a]
              key: source.name  # <--
        """,
    ),
    "an identity": (
        "MeshTLSAuthentication",
        "id a.* is invalid",
        """\
        spec:
          identities:
          - a
          - a.*  # <--
        """,
    ),
    "an identity's reference": (
        "MeshTLSAuthentication",
        "invalid identity target kind: Pod",
        """\
        spec:
          identityRefs:
          - {kind: ServiceAccount, name: a}
          - name: b
            kind: Pod  # <--
        """,
    ),
    "an authentication's reference": (
        "LinkerdAuthorizationPolicy",
        "unsupported authentication kind(s): Pod",
        """\
        spec:
          targetRef: {group: policy.linkerd.io, kind: Server, name: a}
          requiredAuthenticationRefs:
          - {group: policy.linkerd.io, kind: NetworkAuthentication, name: a}
          - name: b
            kind: Pod  # <--
        """,
    ),
    "another namespace": (
        "LinkerdAuthorizationPolicy",
        "cannot target another namespace: other",
        """\
        spec:
          targetRef:
            kind: Namespace
            name: other  # <--
          requiredAuthenticationRefs: []
        """,
    ),
    "networks": (
        "NetworkAuthentication",
        "at least one network must be specified",
        """\
        spec:
          networks: []  # <--
        """,
    ),
    "an exception": (
        "NetworkAuthentication",
        "does not include exception '11.0.0.0/8'",
        """\
        spec:
          networks:
          - cidr: 10.0.0.0/8
            except:
            - 10.1.0.0/16
            - 11.0.0.0/8  # <--
        """,
    ),
    "an exception for outside": (
        "EgressNetwork",
        "is completely negated by exception",
        """\
        spec:
          trafficPolicy: Allow
          networks:
          - cidr: 10.0.0.0/8
            except:
            - 10.0.0.0/7  # <--
        """,
    ),
    "a Server": (
        "Server",
        "invalid mode",
        """\
        spec:
          podSelector: {}
          port: 80
          accessPolicy: open  # <--
        """,
    ),
    "a ServerAuthorization": (
        "ServerAuthorization",
        "`unauthenticated` must be false",
        """\
        spec:
          server: {name: a}
          client:
            meshTLS: {identities: ["*"]}
            unauthenticated: true  # <--
        """,
    ),
    "a rate": (
        "HTTPLocalRateLimitPolicy",
        "override.requestsPerSecond must be less than or equal",
        """\
        spec:
          targetRef: {group: policy.linkerd.io, kind: Server, name: a}
          total: {requestsPerSecond: 10}
          overrides:
          - clientRefs: [{kind: ServiceAccount, name: a}]
            requestsPerSecond: 11  # <--
        """,
    ),
    "a profile's condition": (
        "ServiceProfile",
        "A request match must have a field set",
        """\
        spec:
          routes:
          - name: a
            condition:
              all:
              - method: GET
              - {}  # <--
        """,
    ),
    "a profile's response": (
        "ServiceProfile",
        "A response match must have a field set",
        """\
        spec:
          routes:
          - name: a
            condition: {method: GET}
            responseClasses:
            - isFailure: true
              condition: {}  # <--
        """,
    ),
    "a profile's budget": (
        "ServiceProfile",
        "RetryRatio must be non-negative",
        """\
        spec:
          retryBudget:
            minRetriesPerSecond: 1
            ttl: 10s
            retryRatio: -1  # <--
        """,
    ),
    "a route's annotation": (
        "HTTPRoute",
        "invalid digit found in string",
        """\
          annotations:
            retry.linkerd.io/http: 5xx
            retry.linkerd.io/limit: many  # <--
            timeout.linkerd.io/request: 1s
        spec:
          parentRefs: [{name: a, kind: Service, group: ""}]
        """,
    ),
    "a route's expression": (
        "HTTPRoute",
        "regex parse error",
        """\
        spec:
          parentRefs: [{name: a, kind: Service, group: ""}]
          rules:
          - matches:
            - path: {value: /}
            - headers:
              - name: a
                type: RegularExpression
                value: "("  # <--
        """,
    ),
    "a call's method": (
        "GRPCRoute",
        "unsupported GRPCRoute method match type",
        """\
        spec:
          parentRefs: [{name: a, kind: Service, group: ""}]
          rules:
          - matches:
            - method:
                service: a
                type: RegularExpression  # <--
        """,
    ),
    "a parent": (
        "TCPRoute",
        "cannot target an EgressNetwork without specifying a port",
        """\
        spec:
          parentRefs:
          - {group: policy.linkerd.io, kind: EgressNetwork, name: a, port: 80}
          - group: policy.linkerd.io  # <--
            kind: EgressNetwork
            name: b
          rules: [{backendRefs: [{name: a, port: 80}]}]
        """,
    ),
    "rules": (
        "TCPRoute",
        "supports a single rule only",
        """\
        spec:
          parentRefs: [{name: a, kind: Service, group: "", port: 80}]
          rules:  # <--
          - backendRefs: [{name: a, port: 80}]
          - backendRefs: [{name: b, port: 80}]
        """,
    ),
}


def written(kind: str, below: str) -> str:
    head = f"apiVersion: {APIS[kind]}\nkind: {kind.removeprefix('Linkerd')}\nmetadata:\n  name: x\n"
    return f"{head}  namespace: bare\n{textwrap.dedent(below)}"


def marked(text: str) -> tuple[int, int]:
    """The line with the mark, and the column of what is written there."""
    ((line, column),) = (
        (number, len(line) - len(line.lstrip(" -")) + 1)
        for number, line in enumerate(text.splitlines(), 1)
        if line.endswith(MARK)
    )
    return line, column


@pytest.mark.parametrize("listed", [False, True], ids=["alone", "in a List"])
@pytest.mark.parametrize(("kind", "words", "below"), FAULTS.values(), ids=FAULTS)
def test_a_webhook_is_told_by_the_place_of_the_field(tmp_path, kind, words, below, listed):
    text = written(kind, below)
    if listed:
        other = "- {apiVersion: v1, kind: ConfigMap, metadata: {name: x, namespace: bare}}\n"
        text = f"apiVersion: v1\nkind: List\nitems:\n{other}- {textwrap.indent(text, '  ')[2:]}"
    line, column = marked(text)
    file = tmp_path / "it.yaml"
    file.write_text(text)
    with pytest.raises(Refused) as caught:
        changes.apply(STATE, read_manifests(file))
    assert words in caught.value.what
    assert "admission webhook" in caught.value.what
    assert caught.value.where == f"{file}:{line}:{column}"


@pytest.mark.parametrize("fault", ["retries", "a claim"])
def test_what_is_left_out_for_a_fault_is_told_by_the_place_of_the_field(tmp_path, fault):
    kind, _, below = FAULTS[fault]
    text = written(kind, below)
    line, column = marked(text)
    apps = [*app("bare/client", "curlimages/curl"), *app("bare/a", "l5d/echo:v1", 8080)]
    file = tmp_path / "it.yaml"
    file.write_text(f"{text}---\n{yaml.safe_dump_all([each.data for each in apps])}")
    model = Model.from_files(file, placed={"bare": ISTIO}, lenient=True)
    (omission,) = model.omissions
    (answer,) = model.decide(Request(Workload("bare", "client"), "http://a/")).answers
    (left_out,) = (step for step in answer.trace if step.text.startswith("not modelled, left out"))
    assert (omission.field, left_out.field) == ("", "")  # the whole object
    assert {str(omission.place), str(left_out.place)} == {f"{file}:{line}:{column}"}

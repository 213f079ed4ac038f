"""From Linkerd to Istio: what comes out is proven, and what isn't translated is told."""

from __future__ import annotations

import pytest

from harness.analysis.translate import Severity
from harness.analysis.translate.proof import prove
from harness.analysis.translate.to_istio.translation import translate
from tests.model.clusters import deployment, resource
from tests.translate.estates import workload

POLICY = "policy.linkerd.io/v1alpha1"
MESHED = {"linkerd.io/inject": "enabled"}
APPS = [
    resource("Namespace", "shop", annotations=MESHED),
    resource("Namespace", "ops", annotations=MESHED),
    *workload("shop/cart"),
    *workload("ops/tool"),
    *workload("shop/web"),
    *workload("shop/web-v2", version="v2"),
]
CART = "cart.shop.serviceaccount.identity.linkerd.cluster.local"
SERVER = resource("Server", "shop/web", "{podSelector: {matchLabels: {app: web, version: v1}}, port: http}")


def route(
    spec: str, api: str = "gateway.networking.k8s.io/v1", kind: str = "HTTPRoute", **metadata: object
) -> object:
    return resource(kind, "shop/web", spec, api, **metadata)


def policy(target: str, *references: str) -> object:
    refs = ", ".join(references)
    spec = "{targetRef: {" + target + "}, requiredAuthenticationRefs: [" + refs + "]}"
    return resource("AuthorizationPolicy", "shop/web", spec, POLICY)


def identities(text: str) -> object:
    return resource("MeshTLSAuthentication", "shop/cart", "{identities: [" + text + "]}")


SPLIT = "rules: [{backendRefs: [{name: web, port: 80, weight: 1}, {name: web-v2, port: 80, weight: 3}]}]"
ON_SERVER = "group: policy.linkerd.io, kind: Server, name: web"
ON_ROUTE = "group: policy.linkerd.io, kind: HTTPRoute, name: web"
BY_IDENTITY = "{group: policy.linkerd.io, kind: MeshTLSAuthentication, name: cart}"
BY_NETWORK = "{group: policy.linkerd.io, kind: NetworkAuthentication, name: net}"
ON_PATHS = (
    "{parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}], rules: [{matches: ["
    "{path: {value: /a}, method: GET}, {path: {type: Exact, value: /b}, headers: [{name: x, value: y}]}]}]}"
)

# what an estate has of Linkerd's; the codes of the findings
PROVEN = {
    "nothing": ([], set()),
    "split": ([route("{parentRefs: [{group: '', kind: Service, name: web, port: 80}], " + SPLIT + "}")], set()),
    "split by Linkerd's own route": (
        [route("{parentRefs: [{group: core, kind: Service, name: web, port: 80}], " + SPLIT + "}", "policy.linkerd.io/v1beta3")],
        set(),
    ),
    "closed": ([SERVER], set()),
    "open": ([resource("Server", "shop/web", "{podSelector: {}, port: 8080, accessPolicy: all-unauthenticated}")], set()),
    "an identity": ([SERVER, identities(CART), policy(ON_SERVER, BY_IDENTITY)], set()),
    "a namespace's identities": (
        [SERVER, identities("'*.ops.serviceaccount.identity.linkerd.cluster.local'"), policy(ON_SERVER, BY_IDENTITY)],
        set(),
    ),
    "two identities": (
        [SERVER, identities(f"{CART}, tool.ops.serviceaccount.identity.linkerd.cluster.local"), policy(ON_SERVER, BY_IDENTITY)],
        set(),
    ),
    "every identity": ([SERVER, identities("'*'"), policy(ON_SERVER, BY_IDENTITY)], set()),
    "an account": ([SERVER, policy(ON_SERVER, "{kind: ServiceAccount, name: tool, namespace: ops}")], set()),
    "a namespace's Servers": ([SERVER, identities(CART), policy("kind: Namespace, name: shop", BY_IDENTITY)], set()),
    "an identity from a network": (
        [
            SERVER,
            identities(CART),
            resource("NetworkAuthentication", "shop/net", "{networks: [{cidr: 10.0.0.0/8}]}"),
            policy(ON_SERVER, BY_IDENTITY, BY_NETWORK),
        ],
        set(),
    ),
    "an authentication that isn't there": ([SERVER, policy(ON_SERVER, BY_IDENTITY)], {"to-istio.void"}),
    "an older authorization": (
        [SERVER, resource("ServerAuthorization", "shop/web", "{server: {name: web}, client: {meshTLS: {serviceAccounts: [{name: cart}]}}}", "policy.linkerd.io/v1beta1")],
        set(),
    ),
    "routes on a Server": (
        [SERVER, route(ON_PATHS, "policy.linkerd.io/v1beta3"), identities(CART), policy(ON_ROUTE, BY_IDENTITY)],
        {"to-istio.untaken"},
    ),
    "the default of a workload": (
        [deployment("shop/db", {"containers": [{"name": "db", "image": "l5d/echo:v1", "ports": [{"containerPort": 8080}]}]}, {"labels": {"app": "db"}, "annotations": {"config.linkerd.io/default-inbound-policy": "all-authenticated"}}),
         resource("Service", "shop/db", {"selector": {"app": "db"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]})],
        set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "codes"), PROVEN.values(), ids=PROVEN)
def test_proven(objects: list[object], codes: set[str]) -> None:
    resources = [*APPS, *objects]
    made = translate(resources)
    proof = prove(resources, made)
    assert {finding.code for finding in made.findings} == codes
    assert [str(each) for each in proof.unproven] == []
    assert proof.classes


# objects; severity, code and field of the finding
TOLD = {
    "a Server behind an older one": (
        resource("Server", "shop/x", "{podSelector: {matchLabels: {version: v1, app: web}}, port: 8080, accessPolicy: audit}"),
        Severity.CHECK,
        "to-istio.shadowed",
        "spec.podSelector",
    ),
    "a kind": (resource("ServiceProfile", "shop/web.shop.svc.cluster.local", "{routes: []}"), Severity.LOST, "to-istio.kind", ""),
    "an annotation of a route": (
        route("{parentRefs: [{group: '', kind: Service, name: web}]}", annotations={"retry.linkerd.io/http": "5xx"}),
        Severity.LOST,
        "to-istio.annotation",
        "metadata.annotations.retry.linkerd.io/http",
    ),
    "a route that no policy can say": (
        route("{parentRefs: [{group: policy.linkerd.io, kind: Server, name: web}], rules: [{matches: [{queryParams: [{name: a, value: b}]}]}]}", "policy.linkerd.io/v1beta3"),
        Severity.LOST,
        "to-istio.closed",
        "spec.port",
    ),
    "a protocol": (
        resource("Server", "shop/web", "{podSelector: {}, port: 8080, proxyProtocol: HTTP/2}"),
        Severity.CHANGED,
        "to-istio.protocol",
        "spec.proxyProtocol",
    ),
    "an identity of another mesh": (identities("x.example.com"), Severity.LOST, "to-istio.identity", "spec"),
}  # fmt: skip


@pytest.mark.parametrize(("told", "severity", "code", "field"), TOLD.values(), ids=TOLD)
def test_told(told: object, severity: Severity, code: str, field: str) -> None:
    others = [each for each in (SERVER, policy(ON_SERVER, BY_IDENTITY)) if each.key != told.key]
    made = translate([*APPS, *others, told])
    assert (severity, code, field) in [(each.severity, each.code, each.field) for each in made.findings]


def test_injection_is_asked_of_istio() -> None:
    pod = {
        "labels": {"app": "x"},
        "annotations": {
            "linkerd.io/inject": "disabled",
            "config.linkerd.io/skip-outbound-ports": "25,587-589",
        },
    }
    made = translate([*APPS, deployment("shop/x", {"containers": [{"name": "x", "image": "x"}]}, pod)])
    marks = {each.name: each.data for each in made.objects}
    assert marks["shop"]["metadata"]["labels"] == {"istio-injection": "enabled"}
    assert "annotations" not in marks["shop"]["metadata"]
    assert marks["x"]["spec"]["template"]["metadata"] == {
        "labels": {"app": "x", "sidecar.istio.io/inject": "false"},
        "annotations": {"traffic.sidecar.istio.io/excludeOutboundPorts": "25,587,588,589"},
    }  # fmt: skip

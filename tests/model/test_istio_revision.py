"""`istio.io/rev` on configuration: an object of another revision does nothing, and traces name it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.changes.loading import load_objects
from harness.model.decide import decide
from harness.traffic.request import HOST, Request
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource, send, told

SECURITY, GATEWAY_API = "security.istio.io/v1", "gateway.networking.k8s.io/v1"
GATE = {"labels": {"istio": "ingressgateway", "sidecar.istio.io/inject": "false"}}
WORLD = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/web", "l5d/echo:v1", 8080),
        *app("bare/other", "l5d/echo:v2", 8080),
        resource(
            "Service",
            "bare/db",
            "{selector: {app: other}, ports: [{name: tcp, port: 5432, targetPort: 8080}]}",
        ),
        resource("VirtualService", "ist/rooted", "{hosts: [rooted.io], http: [{delegate: {name: leaf}}]}"),
        resource(
            "ServiceEntry",
            "ist/selecting",
            """{hosts: [selecting.io], location: MESH_EXTERNAL, resolution: STATIC,
                ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: vm}}}""",
        ),
        resource(
            "Gateway",
            "ist/gate",
            """{selector: {istio: ingressgateway},
                servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['gate.example']}]}""",
        ),
        resource(
            "Gateway",
            "ist/kube",
            """{gatewayClassName: istio,
                listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All}}}]}""",
            GATEWAY_API,
        ),
    ],
)
INGRESS = "istio-system/istio-ingressgateway"


def labelled(object_, revision):
    metadata = {**object_.data["metadata"], "labels": {"istio.io/rev": revision}}
    return replace(object_, data={**object_.data, "metadata": metadata})


def istiod(revision, name="istiod"):
    container = {
        "name": "discovery",
        "image": "istio/pilot",
        "env": [{"name": "REVISION", "value": revision}],
    }
    return deployment(f"istio-system/{name}", {"containers": [container]}, {"labels": {"app": "istiod"}})


def asked(state, source, url):
    headers = (("authorization", "Bearer not-a-token"),) if url.endswith("/token") else ()
    if source.startswith("->"):
        return decide(state, Request(HOST, url, headers=headers, through=Workload.parse(source[2:])))
    return decide(state, Request(Workload.parse(source), url, headers=headers))


def answers(outcomes):
    return [(group.outcome, group.weight) for group in outcomes.groups]


DIRECT = "{hosts: [%s], %s http: [{directResponse: {status: 418}}]}"


def backend(name, more=""):
    return f"backendRefs: [{{name: {name}, port: 80{more}}}]"


KINDS = {
    "VirtualService": (
        resource("VirtualService", "ist/one", DIRECT % ("web", "")),
        "ist/client",
        "http://web/",
    ),
    "VirtualService tcp": (
        resource(
            "VirtualService",
            "ist/one",
            """{hosts: [db.bare.svc.cluster.local], tcp: [{route: [{destination: {host: web, port: {number: 80}}}]}]}""",
        ),
        "ist/client",
        "tcp://db.bare:5432",
    ),
    "VirtualService at a gateway": (
        resource("VirtualService", "ist/one", DIRECT % ("gate.example", "gateways: [gate],")),
        f"->{INGRESS}",
        "http://gate.example/",
    ),
    "VirtualService as a delegate": (
        resource("VirtualService", "ist/leaf", "{http: [{directResponse: {status: 418}}]}"),
        "ist/client",
        "http://rooted.io/",
    ),
    "DestinationRule": (
        resource("DestinationRule", "ist/one", "{host: web, trafficPolicy: {tls: {mode: DISABLE}}}"),
        "ist/client",
        "http://web/",
    ),
    "ServiceEntry": (
        resource(
            "ServiceEntry",
            "ist/one",
            """{hosts: [out.io], location: MESH_EXTERNAL, resolution: STATIC,
                ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 192.0.2.1}]}""",
        ),
        "ist/client",
        "http://out.io/",
    ),
    "WorkloadEntry": (
        resource("WorkloadEntry", "ist/one", "{address: 192.0.2.1, labels: {app: vm}}"),
        "ist/client",
        "http://selecting.io/",
    ),
    "Sidecar": (
        resource("Sidecar", "ist/one", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}"),
        "ist/client",
        "http://nobody.io/",
    ),
    "Gateway": (
        resource(
            "Gateway",
            "ist/one",
            """{selector: {istio: ingressgateway},
                servers: [{port: {number: 443, name: https, protocol: HTTP}, hosts: ['*']}]}""",
        ),
        f"->{INGRESS}",
        "http://web.example:443/",
    ),
    "PeerAuthentication": (
        resource("PeerAuthentication", "ist/one", "{mtls: {mode: STRICT}}"),
        "bare/client",
        "http://web.ist/",
    ),
    "PeerAuthentication of the mesh": (
        resource("PeerAuthentication", "istio-system/one", "{mtls: {mode: STRICT}}"),
        "bare/client",
        "http://web.ist/",
    ),
    "AuthorizationPolicy": (
        resource("AuthorizationPolicy", "ist/one", "{selector: {matchLabels: {app: web}}}", SECURITY),
        "ist/client",
        "http://web/",
    ),
    "AuthorizationPolicy at a gateway": (
        resource("AuthorizationPolicy", "istio-system/one", "{}", SECURITY),
        f"->{INGRESS}",
        "http://gate.example/",
    ),
    "RequestAuthentication": (
        resource(
            "RequestAuthentication", "ist/one", "{jwtRules: [{issuer: a, jwks: '{\"keys\": []}'}]}", SECURITY
        ),
        "ist/client",
        "http://web/token",
    ),
    "HTTPRoute on a Service": (
        resource(
            "HTTPRoute",
            "ist/one",
            f"{{parentRefs: [{{group: '', kind: Service, name: web}}], rules: [{{{backend('gone')}}}]}}",
        ),
        "ist/client",
        "http://web/",
    ),
    "HTTPRoute at a Gateway": (
        resource("HTTPRoute", "ist/one", f"{{parentRefs: [{{name: kube}}], rules: [{{{backend('web')}}}]}}"),
        "->ist/kube-istio",
        "http://any.example/",
    ),
}


@pytest.mark.parametrize(("one", "source", "url"), KINDS.values(), ids=KINDS)
def test_objects_of_other_revisions_do_nothing(one, source, url):
    without, with_it = asked(WORLD, source, url), asked(changes.apply(WORLD, [one]), source, url)
    assert answers(with_it) != answers(without)
    own = asked(changes.apply(WORLD, [labelled(one, "default")]), source, url)
    assert answers(own) == answers(with_it)
    other = asked(changes.apply(WORLD, [labelled(one, "canary")]), source, url)
    assert answers(other) == answers(without)
    for group in other.groups:
        (why,) = [step for step in group.trace if step.subject == str(one)]
        assert why.passed_over
        assert why.field == "metadata.labels.istio.io/rev"
        assert why.text == "is of revision canary, and the control plane of default: it is passed over"


@pytest.mark.parametrize(("one", "source", "url"), KINDS.values(), ids=KINDS)
def test_the_control_planes_revision_is_its_deployments(one, source, url):
    world = changes.apply(WORLD, [istiod("canary")])
    act, other = (told(asked(changes.apply(WORLD, [one]), source, url)), told(asked(WORLD, source, url)))
    assert told(asked(changes.apply(world, [labelled(one, "canary")]), source, url)) == act
    assert told(asked(changes.apply(world, [labelled(one, "default")]), source, url)) == other
    assert told(asked(changes.apply(world, [one]), source, url)) == act


@pytest.mark.parametrize(("one", "source", "url"), KINDS.values(), ids=KINDS)
def test_of_several_control_planes_nobody_knows_whose_proxies_are_told(one, source, url):
    world = changes.apply(WORLD, [istiod("default"), istiod("canary", "istiod-canary")])
    with pytest.raises(NotModelledError, match=f"{one.kind} .*/{one.name} label istio.io/rev isn't modelled"):
        asked(changes.apply(world, [labelled(one, "canary")]), source, url)
    assert told(asked(changes.apply(world, [one]), source, url)) == told(
        asked(changes.apply(WORLD, [one]), source, url)
    )
    stale = told(asked(changes.apply(world, [labelled(one, "older")]), source, url))
    assert stale == told(asked(WORLD, source, url))


def test_a_reference_grant_of_another_revision_grants_nothing():
    rule = backend("other", ", namespace: bare")
    route = resource("HTTPRoute", "ist/one", f"{{parentRefs: [{{name: kube}}], rules: [{{{rule}}}]}}")
    grant = resource(
        "ReferenceGrant",
        "bare/one",
        """{from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: ist}],
            to: [{group: '', kind: Service}]}""",
        "gateway.networking.k8s.io/v1beta1",
    )
    outcomes = {
        revision: told(
            asked(
                changes.apply(WORLD, [route, labelled(grant, revision)]),
                "->ist/kube-istio",
                "http://a.example/",
            )
        )
        for revision in ("default", "canary")
    }
    assert outcomes == {"default": {"200 from bare/other": 1}, "canary": {"500": 1}}


@pytest.mark.parametrize(("revision", "deployed"), [("default", True), ("canary", False), ("", True)])
def test_a_gateway_class_of_another_revision_is_nobodys(revision, deployed):
    named = resource("GatewayClass", "mine", "{controllerName: istio.io/gateway-controller}", GATEWAY_API)
    gateway = resource(
        "Gateway",
        "ist/gate",
        "{gatewayClassName: mine, listeners: [{name: http, port: 80, protocol: HTTP}]}",
        GATEWAY_API,
    )
    state = changes.apply(cluster(ISTIO), [labelled(named, revision) if revision else named, gateway])
    assert (state.get("apps", "Deployment", "ist", "gate-mine") is not None) is deployed


def test_linkerd_takes_routes_of_any_revision():
    world = changes.apply(
        cluster(ISTIO, LINKERD), [*app("lnk/client", "curlimages/curl"), *app("lnk/web", "l5d/echo:v1", 8080)]
    )
    route = resource(
        "HTTPRoute",
        "lnk/one",
        """{parentRefs: [{group: core, kind: Service, name: web}], rules: [{filters: [
            {type: RequestRedirect, requestRedirect: {statusCode: 301, hostname: a.example}}]}]}""",
    )
    state = changes.apply(world, [labelled(route, "canary")])
    assert told(send(state, "lnk/client", "http://web/")) == {"301": 1}


def webhook(revision, tag=""):
    labels = {"istio.io/rev": revision, **({"istio.io/tag": tag} if tag else {})}
    name = f"istio-revision-tag-{tag}" if tag else f"istio-sidecar-injector-{revision}"
    return resource(
        "MutatingWebhookConfiguration", name, api="admissionregistration.k8s.io/v1", labels=labels
    )


def validator(revision):
    labels = {"istio.io/rev": revision}
    api, name = "admissionregistration.k8s.io/v1", "istiod-default-validator"
    return resource("ValidatingWebhookConfiguration", name, api=api, labels=labels)


@pytest.mark.parametrize(
    ("revision", "webhooks", "of_namespace", "of_gateway", "deployed"),
    [
        ("", [], "", "", True),
        ("", [], "", "default", True),
        ("", [], "", "canary", False),
        ("", [], "canary", "", False),
        ("", [], "canary", "default", True),
        ("canary", [], "", "canary", True),
        ("canary", [], "", "default", False),
        ("canary", [], "", "", True),  # nothing tells of tags
        ("canary", [webhook("canary")], "", "", False),
        ("canary", [webhook("canary"), webhook("canary", "default")], "", "", True),
        ("canary", [webhook("canary"), webhook("canary", "default")], "", "default", True),
        ("canary", [webhook("canary"), webhook("older", "default")], "", "", False),
        ("canary", [webhook("canary"), webhook("canary", "stable")], "", "stable", True),
        ("canary", [webhook("canary"), webhook("canary", "stable")], "stable", "", True),
        ("canary", [webhook("canary"), webhook("older", "stable")], "", "stable", False),
        ("canary", [webhook("canary"), validator("canary")], "", "", True),
        ("canary", [webhook("canary"), validator("older")], "", "", False),
        ("canary", [webhook("canary"), webhook("older", "default"), validator("canary")], "", "", False),
    ],
)
def test_who_deploys_a_gateway(revision, webhooks, of_namespace, of_gateway, deployed):
    def labels(value):
        return {"labels": {"istio.io/rev": value}} if value else {}

    gateway = resource(
        "Gateway",
        "new/gate",
        "{gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}",
        GATEWAY_API,
        **labels(of_gateway),
    )
    control_plane = [istiod(revision)] if revision else []
    namespace = resource("Namespace", "new", **labels(of_namespace))
    state = changes.apply(cluster(ISTIO), [*control_plane, *webhooks, namespace, gateway])
    assert (state.get("apps", "Deployment", "new", "gate-istio") is not None) is deployed


@pytest.mark.parametrize(
    ("labels", "revision", "acts"),
    [
        ({"istio.io/rev": "canary"}, "", True),
        ({"istio.io/rev": "canary"}, "canary", True),
        ({"istio.io/rev": "canary"}, "other", False),
        ({"istio-injection": "enabled"}, "canary", False),
    ],
)
def test_manifests_are_of_a_cluster_that_has_the_revision_that_they_ask_for(labels, revision, acts):
    rule = resource("VirtualService", "shop/one", "{hosts: [web], http: [{directResponse: {status: 418}}]}")
    state = load_objects(
        [
            [
                resource("Namespace", "shop", labels=labels),
                *app("shop/client", "curlimages/curl"),
                *app("shop/web", "l5d/echo:v1", 8080),
                labelled(rule, revision) if revision else rule,
            ]
        ]
    )
    assert state.pods_of(Workload("shop", "client"))[0].mesh is ISTIO
    assert told(send(state, "shop/client", "http://web/")) == {"418" if acts else "200 from shop/web": 1}

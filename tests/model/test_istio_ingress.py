"""Kubernetes' Ingresses at Istio's gateway: which it serves, and where their requests go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.base.vocabulary import Workload
from harness.model import Refused, changes
from harness.model.decide import decide
from harness.traffic.request import HOST, Request
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, told

V1, V2, V3 = "200 from ist/v1", "200 from ist/v2", "200 from bare/v3"
NONE, REFUSED = "404", "connection refused (curl 7)"
API = "networking.k8s.io/v1"
THROUGH = Workload("istio-system", "istio-ingressgateway")
APPS = [
    *app("ist/v1", "l5d/echo:v1", 8080),
    *app("ist/v2", "l5d/echo:v1", 8080),
    *app("bare/v3", "l5d/echo:v1", 8080),
]
OURS = resource("IngressClass", "mesh", "{controller: istio.io/ingress-controller}", API)
OTHERS = resource("IngressClass", "nginx", "{controller: k8s.io/ingress-nginx}", API)
CLASS = "kubernetes.io/ingress.class"


def to(name: str, port: str = "number: 80") -> str:
    return f"backend: {{service: {{name: {name}, port: {{{port}}}}}}}"


def path(text: str, name: str, kind: str = "Prefix", port: str = "number: 80") -> str:
    return f"{{path: '{text}', pathType: {kind}, {to(name, port)}}}"


def rule(*paths: str, host: str = "") -> str:
    return f"{{host: '{host}', http: {{paths: [{', '.join(paths)}]}}}}"


def ingress(*rules: str, name="ist/it", more="ingressClassName: mesh", **annotations: str):
    listed = f"rules: [{', '.join(rules)}]" if rules else "rules: []"
    marks = {"annotations": annotations} if annotations else {}
    return resource("Ingress", name, "{" + ", ".join(filter(None, (more, listed))) + "}", API, **marks)


def settings(text: str):
    made = resource("ConfigMap", "istio-system/istio")
    return replace(made, data={**made.data, "data": {"mesh": text}})


def asked(url: str, *objects, classes=(OURS, OTHERS), meshes=(ISTIO,)) -> str:
    """What comes back of a request from outside."""
    state = changes.apply(cluster(*meshes), [*APPS, *classes])
    for each in objects:  # each younger than the one before
        state = changes.apply(state, [each])
    (answer,) = told(decide(state, Request(HOST, url, through=THROUGH)))
    return answer


ALL = rule(path("/", "v1"))

# the Ingress' class (None: by the annotation), the annotation, MeshConfig; whether it is served
SERVED = {
    "Istio's IngressClass": ("mesh", None, "", True),
    "another's": ("nginx", None, "", False),
    "one that isn't there": ("gone", None, "", False),
    "the annotation": (None, "istio", "", True),
    "another annotation": (None, "nginx", "", False),
    "the annotation goes first": ("nginx", "istio", "", True),
    "another annotation goes first": ("mesh", "nginx", "", False),
    "MeshConfig's class": (None, "ours", "ingressClass: ours", True),
    "not MeshConfig's class": (None, "istio", "ingressClass: ours", False),
    "none": (None, None, "", False),
    "none, where Istio is the default": (None, None, "ingressControllerMode: DEFAULT", True),
    "another's, where Istio is the default": ("nginx", None, "ingressControllerMode: DEFAULT", False),
    "an annotation, switched off": (None, "istio", "ingressControllerMode: 'OFF'", False),
    "an IngressClass, switched off": ("mesh", None, "ingressControllerMode: 'OFF'", True),
}


@pytest.mark.parametrize(("name", "annotation", "mesh", "served"), SERVED.values(), ids=SERVED)
def test_classes(name: str | None, annotation: str | None, mesh: str, served: bool):
    made = ingress(
        ALL, more=f"ingressClassName: {name}" if name else "", **({CLASS: annotation} if annotation else {})
    )
    objects = [made, *([settings(mesh)] if mesh else [])]
    assert asked("http://a.com/", *objects) == (V1 if served else REFUSED)
    state = changes.apply(changes.apply(cluster(ISTIO), [OURS, OTHERS, *APPS]), objects)
    assert [each.resource for each in state.undecided] == ([] if served else [made])


def test_the_default_class_is_that_of_what_names_none():
    default = {"ingressclass.kubernetes.io/is-default-class": "true"}
    ours = resource("IngressClass", "mesh", OURS.data["spec"], API, annotations=default)
    others = resource("IngressClass", "nginx", OTHERS.data["spec"], API, annotations=default)
    assert asked("http://a.com/", ingress(ALL, more=""), classes=[ours, OTHERS]) == V1
    assert asked("http://a.com/", ingress(ALL, more=""), classes=[OURS, others]) == REFUSED


def test_without_istio_nobody_here_knows():
    state = changes.apply(cluster(LINKERD), [OURS, ingress(ALL, name="bare/it")])
    assert [each.why for each in state.undecided] == ["an ingress controller routes by it"]


A = "a.com"
# Ingresses, the URL, what comes back
REQUESTS = {
    "any host": ([ingress(ALL)], "http://x.org/y", V1),
    "another host": ([ingress(rule(path("/", "v1"), host=A))], "http://b.com/", NONE),
    "a host with a port": ([ingress(rule(path("/", "v1"), host=A))], "http://a.com:80/", V1),
    "a wildcard": ([ingress(rule(path("/", "v1"), host="*.a.com"))], "http://x.y.a.com/", V1),
    "not a wildcard's": ([ingress(rule(path("/", "v1"), host="*.a.com"))], "http://a.com/", NONE),
    "the nearest host, whatever its paths": ([ingress(ALL, rule(path("/x", "v2"), host=A))], "http://a.com/", NONE),
    "exact": ([ingress(rule(path("/x", "v1", "Exact")))], "http://a.com/x", V1),
    "not exact": ([ingress(rule(path("/x", "v1", "Exact")))], "http://a.com/x/", NONE),
    "a prefix": ([ingress(rule(path("/x", "v1")))], "http://a.com/x/y", V1),
    "a prefix by segments": ([ingress(rule(path("/x", "v1")))], "http://a.com/xy", NONE),
    "a prefix that ends in a slash": ([ingress(rule(path("/x/", "v1")))], "http://a.com/x", V1),
    "a path that Istio takes for exact": ([ingress(rule(path("/x", "v1", "ImplementationSpecific")))], "http://a.com/x/y", NONE),
    "a path that Istio takes for a prefix": ([ingress(rule(path("/x/*", "v1", "ImplementationSpecific")))], "http://a.com/x/y", V1),
    "the same by segments": ([ingress(rule(path("/x.*", "v1", "ImplementationSpecific")))], "http://a.com/xy", NONE),
    "a path that takes all": ([ingress(rule(path("/*", "v1", "ImplementationSpecific")))], "http://a.com/y", V1),
    "the longer path": ([ingress(rule(path("/", "v1"), path("/x", "v2")))], "http://a.com/x", V2),
    "the exact one of equal paths": ([ingress(rule(path("/x", "v1"), path("/x", "v2", "Exact")))], "http://a.com/x", V2),
    "the first of equal paths": ([ingress(rule(path("/x", "v1"), path("/x", "v2")))], "http://a.com/x", V1),
    "the older Ingress' of equal paths": ([ingress(ALL, name="ist/z"), ingress(rule(path("/", "v2")), name="ist/a")], "http://a.com/", V1),
    "several Ingresses' paths": ([ingress(ALL), ingress(rule(path("/x", "v3")), name="bare/b")], "http://a.com/x", V3),
    "a port by name": ([ingress(rule(path("/", "v1", port="name: http")))], "http://a.com/", V1),
    "a name that no port has": ([ingress(rule(path("/x", "v1", port="name: x"), path("/", "v2")))], "http://a.com/x", V2),
    "a port that isn't there": ([ingress(rule(path("/", "v1", port="number: 7")))], "http://a.com/", "503"),
    "a Service that isn't there": ([ingress(rule(path("/", "v9")))], "http://a.com/", "503"),
    "a default backend, which Istio passes over": ([ingress(more="ingressClassName: mesh, defaultBackend: {service: {name: v1, port: {number: 80}}}")], "http://a.com/", NONE),
    "another kind of backend": ([ingress(rule("{path: /, pathType: Prefix, backend: {resource: {kind: Bucket, name: x}}}"))], "http://a.com/", NONE),
    "HTTPS without a certificate": ([ingress(ALL)], "https://a.com/", REFUSED),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "url", "answer"), REQUESTS.values(), ids=REQUESTS)
def test_requests(objects, url: str, answer: str):
    assert asked(url, *objects) == answer


TLS = "ingressClassName: mesh, tls: [{hosts: [a.com], secretName: cert}]"
CERTIFICATE = resource("Secret", "istio-system/cert")
NO_TLS = "TLS handshake failed (curl 35)"
HANDSHAKES = {
    "its host": ([CERTIFICATE, ingress(ALL, more=TLS)], "https://a.com/", V1),
    "another host": ([CERTIFICATE, ingress(ALL, more=TLS)], "https://b.com/", NO_TLS),
    "plain HTTP stays open": ([CERTIFICATE, ingress(ALL, more=TLS)], "http://a.com/", V1),
    "the Secret is the gateway's": ([resource("Secret", "ist/cert"), ingress(ALL, more=TLS)], "https://a.com/", f"{NO_TLS}: there is no Secret istio-system/cert"),
    "no Secret is named": ([CERTIFICATE, ingress(ALL, more=TLS.replace(", secretName: cert", ""))], "https://a.com/", REFUSED),
    "any host": ([CERTIFICATE, ingress(ALL, more=TLS.replace("hosts: [a.com], ", ""))], "https://b.com/", V1),
    # A host's rules count at the oldest Ingress' Gateway alone.
    "a younger Ingress' certificate": (
        [CERTIFICATE, ingress(ALL, name="ist/old"), ingress(rule(path("/x", "v2")), name="ist/new", more=TLS)], "https://a.com/x", NONE,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "url", "answer"), HANDSHAKES.values(), ids=HANDSHAKES)
def test_tls(objects, url: str, answer: str):
    assert asked(url, *objects) == answer


# MeshConfig; whether the installed gateway serves
SELECTORS = {
    "ingressSelector: ingressgateway": True,
    "ingressSelector: other": False,
    "ingressService: istio-ingressgateway": True,
    "ingressService: other": False,
    "ingressService: other, ingressSelector: ingressgateway": True,
}


@pytest.mark.parametrize(("mesh", "serves"), SELECTORS.items())
def test_which_gateway(mesh: str, serves: bool):
    assert asked("http://a.com/", settings("{" + mesh + "}"), ingress(ALL)) == (V1 if serves else REFUSED)


def test_beside_a_virtual_service_its_rules_come_first():
    gateway = resource(
        "Gateway",
        "ist/g",
        "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: h, protocol: HTTP}, hosts: ['*']}]}",
    )
    rules = "http: [{match: [{uri: {prefix: /x}}], route: [{destination: {host: v2}}]}, {route: [{destination: {host: v2}}]}]"
    own = resource("VirtualService", "ist/v", "{hosts: [a.com], gateways: [g], " + rules + "}")
    made = ingress(rule(path("/x/y", "v1"), host=A))
    assert asked("http://a.com/x/y", gateway, own, made) == V1
    assert asked("http://a.com/x", gateway, own, made) == V2


def test_the_path_is_named():
    state = changes.apply(cluster(ISTIO), [*APPS, OURS, ingress(rule(path("/", "v2"), path("/x", "v1")))])
    (group,) = decide(state, Request(HOST, "http://a.com/x", through=THROUGH)).groups
    steps = [
        (step.resource.kind, step.field)
        for step in group.trace
        if step.resource and step.resource.kind == "Ingress"
    ]
    assert ("Ingress", "spec.rules[0].http.paths[1].path") in steps


BACKEND = "backend: {service: {name: v1, port: {number: 80}}}"
# the spec, a part of the API server's words
WRONG = {
    "nothing": ("{}", "either `defaultBackend` or `rules` must be specified"),
    "a relative path": (f"{{rules: [{rule('{path: x, pathType: Prefix, ' + BACKEND + '}')}]}}", "must be an absolute path"),
    "a path of two slashes": (f"{{rules: [{rule('{path: /a//b, pathType: Exact, ' + BACKEND + '}')}]}}", "must not contain '//'"),
    "a path that ends in a dot": (f"{{rules: [{rule('{path: /a/., pathType: Prefix, ' + BACKEND + '}')}]}}", "cannot end with '/.'"),
    "no type": (f"{{rules: [{rule('{path: /a, ' + BACKEND + '}')}]}}", "pathType: Required value"),
    "an address": (f"{{rules: [{rule(path('/', 'v1'), host='10.0.0.1')}]}}", "must be a DNS name, not an IP address"),
    "a wildcard in the middle": (f"{{rules: [{rule(path('/', 'v1'), host='a.*.com')}]}}", "RFC 1123 subdomain"),
    "a certificate's host": ("{defaultBackend: {service: {name: v1, port: {number: 80}}}, tls: [{hosts: ['*']}]}", "RFC 1123 subdomain"),
    "no backend": ("{defaultBackend: {}}", "resource or service backend is required"),
    "two backends": ("{defaultBackend: {service: {name: v1, port: {number: 80}}, resource: {kind: B, name: x}}}", "cannot set both resource and service"),
    "two ports": ("{defaultBackend: {service: {name: v1, port: {number: 80, name: http}}}}", "cannot set both port name & port number"),
    "no port": ("{defaultBackend: {service: {name: v1}}}", "port name or number is required"),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "words"), WRONG.values(), ids=WRONG)
def test_what_the_api_refuses(spec: str, words: str):
    with pytest.raises(Refused) as refused:
        changes.apply(cluster(ISTIO), [resource("Ingress", "ist/it", spec, API)])
    assert words in refused.value.what

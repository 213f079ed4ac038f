"""Requests fare alike before and after a translation: decided by the model of both meshes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.translate import translate
from harness.base.vocabulary import Mesh, Workload
from harness.manifests.files import read_manifests
from harness.model import State, changes
from harness.traffic.request import Request
from tests.model.clusters import resource
from tests.translate.estates import before_and_after, differences, reported, requests

FACES = Path(__file__).parents[2] / "manifests/faces"
CONFIGS = Path(__file__).parents[2] / "manifests/configs/faces"
POLICY = "security.istio.io/v1"


def virtual_service(http: str, name: str = "shop/web") -> object:
    return resource("VirtualService", name, "{hosts: [web], http: " + http + "}")


def policy(spec: str, name: str = "shop/policy") -> object:
    return resource("AuthorizationPolicy", name, spec, POLICY)


def to(host: str) -> str:
    return "route: [{destination: {host: " + host + "}}]"


V1, V2 = to("web"), to("web-v2")
CART = "cluster.local/ns/shop/sa/cart"

# Istio's objects; requests fare alike without a finding
ALIKE = {
    "split": [virtual_service("[{route: [{destination: {host: web}, weight: 80}, {destination: {host: web-v2}, weight: 20}]}]")],
    "lone weight 0": [virtual_service("[{route: [{destination: {host: web-v2}, weight: 0}]}]")],
    "unset weight beside a set one": [virtual_service("[{route: [{destination: {host: web-v2}}, {destination: {host: web}, weight: 5}]}]")],
    "no rule matches": [virtual_service("[{match: [{uri: {exact: /get}}], " + V2 + "}]")],
    "string prefix": [virtual_service("[{match: [{uri: {prefix: /anything/a}}], " + V2 + "}, {" + V1 + "}]")],
    "prefix before exact": [virtual_service("[{match: [{uri: {prefix: /ge}}], " + V2 + "}, {match: [{uri: {exact: /get}}], " + V1 + "}]")],
    "short prefix before long": [virtual_service("[{match: [{uri: {prefix: /any}}], " + V2 + "}, {match: [{uri: {prefix: /anything/a}}], " + V1 + "}]")],
    "method before header": [virtual_service("[{match: [{method: {exact: GET}}], " + V2 + "}, {match: [{headers: {x-user: {exact: jason}}}], " + V1 + "}]")],
    "path before header": [virtual_service("[{match: [{uri: {prefix: /anything}}], " + V2 + "}, {match: [{headers: {x-user: {prefix: ja}}}], " + V1 + "}, {match: [{method: {exact: GET}}], " + V2 + "}]")],
    "header before path": [virtual_service("[{match: [{headers: {x-user: {regex: 'j.*n'}}}], " + V2 + "}, {match: [{uri: {prefix: /anything}}], " + V1 + "}, {" + V2 + "}]")],
    "header present": [virtual_service("[{match: [{headers: {x-user: {}}}], " + V2 + "}, {" + V1 + "}]")],
    "expressions": [virtual_service(r"[{match: [{uri: {regex: '/get|/get/|/anything/(a|ab)'}}], " + V2 + "}, {match: [{headers: {x-user: {regex: 'ja|jason'}}}], " + V2 + "}, {" + V1 + "}]")],
    "RE2's own syntax": [virtual_service(r"[{match: [{uri: {regex: '/\Qanything\E/[a[:digit:][]'}}, {uri: {regex: '/get\z'}}], " + V2 + "}, {" + V1 + "}]")],
    "without a header": [virtual_service("[{match: [{withoutHeaders: {x-user: {exact: jason}}}], " + V2 + "}, {match: [{method: {exact: GET}}], " + V1 + "}, {" + V2 + "}]")],
    "query": [virtual_service("[{match: [{queryParams: {q: {exact: a}}}], " + V2 + "}, {match: [{uri: {prefix: /get}}], " + V1 + "}, {" + V2 + "}]")],
    "case, which counts in expressions even so": [virtual_service("[{match: [{uri: {regex: /GE.}, ignoreUriCase: true}], " + V2 + "}, {" + V1 + "}]")],
    "without a header, by an asterisk": [virtual_service("[{match: [{withoutHeaders: {x-user: {regex: '*'}}}], " + V2 + "}, {" + V1 + "}]")],
    "ignored case": [virtual_service("[{match: [{uri: {prefix: /GET}, ignoreUriCase: true}], " + V2 + "}, {" + V1 + "}]")],
    "redirect": [virtual_service("[{match: [{uri: {exact: /get}}], redirect: {authority: elsewhere.org, redirectCode: 302}}, {" + V1 + "}]")],
    "timeout": [virtual_service("[{timeout: 1s, " + V2 + "}]")],
    "subsets": [
        resource("DestinationRule", "shop/all-web", "{host: all-web, subsets: [{name: one, labels: {version: v1}}, {name: two, labels: {version: v2}}]}"),
        resource("VirtualService", "shop/all-web", "{hosts: [all-web], http: [{match: [{uri: {prefix: /get}}], route: [{destination: {host: all-web, subset: two}}]}, {route: [{destination: {host: all-web, subset: one}}]}]}"),
    ],
    "nobody": [policy("{}")],
    "everybody": [policy("{rules: [{}]}")],
    "identity": [policy("{rules: [{from: [{source: {principals: [" + CART + "]}}]}]}")],
    "namespace": [policy("{rules: [{from: [{source: {namespaces: [ops]}}]}]}")],
    "namespace by prefix principal": [policy("{rules: [{from: [{source: {principals: [cluster.local/ns/ops/*]}}]}]}")],
    "any identity": [policy("{rules: [{from: [{source: {principals: ['*']}}]}]}")],
    "service account": [policy("{rules: [{from: [{source: {serviceAccounts: [shop/cart]}}]}]}")],
    "method": [policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}")],
    "method and identity": [policy("{rules: [{from: [{source: {principals: [" + CART + "]}}], to: [{operation: {methods: [GET]}}]}]}")],
    "paths": [policy("{rules: [{to: [{operation: {paths: [/get, '/anything/*', '*/404']}}]}]}")],
    "template": [policy("{rules: [{to: [{operation: {paths: ['/anything/{*}']}}]}]}")],
    "two rules that overlap": [
        policy("{rules: [{from: [{source: {principals: [" + CART + "]}}], to: [{operation: {methods: [GET]}}]}, {from: [{source: {namespaces: [ops]}}], to: [{operation: {paths: ['/anything/*']}}]}]}")
    ],
    "two policies": [
        policy("{rules: [{from: [{source: {namespaces: [ops]}}]}]}", "shop/a"),
        policy("{rules: [{to: [{operation: {paths: [/get]}}]}]}", "shop/b"),
    ],
    "not these methods": [policy("{rules: [{to: [{operation: {notMethods: [POST]}}]}]}")],
    "not these paths": [policy("{rules: [{to: [{operation: {methods: [GET], notPaths: ['/anything*']}}]}]}")],
    "header": [policy("{rules: [{when: [{key: 'request.headers[x-user]', values: [ja*]}]}]}")],
    "not this header": [policy("{rules: [{when: [{key: 'request.headers[x-user]', notValues: [jason]}]}]}")],
    "deny a method": [policy("{action: DENY, rules: [{to: [{operation: {methods: [POST]}}]}]}")],
    "deny a path": [policy("{action: DENY, rules: [{to: [{operation: {paths: ['/anything*']}}]}]}")],
    "deny all but one": [policy("{action: DENY, rules: [{from: [{source: {notPrincipals: [" + CART + "]}}]}]}")],
    "deny all but one on a path": [
        policy("{action: DENY, rules: [{from: [{source: {notNamespaces: [ops]}}], to: [{operation: {paths: [/get]}}]}]}")
    ],
    "deny some of those allowed": [
        policy("{rules: [{from: [{source: {principals: [" + CART + ", cluster.local/ns/ops/sa/tool]}}]}]}", "shop/a"),
        policy("{action: DENY, rules: [{from: [{source: {principals: [" + CART + "]}}], to: [{operation: {methods: [POST]}}]}]}", "shop/b"),
    ],
    "deny beside allow": [
        policy("{rules: [{to: [{operation: {methods: [GET]}}]}]}", "shop/a"),
        policy("{action: DENY, rules: [{to: [{operation: {paths: ['/any*']}}]}]}", "shop/b"),
    ],
    "selector": [policy("{selector: {matchLabels: {version: v2}}, rules: [{to: [{operation: {methods: [POST]}}]}]}")],
    "port": [policy("{rules: [{to: [{operation: {ports: ['8080']}}], from: [{source: {namespaces: [shop]}}]}]}")],
    "other port": [policy("{action: DENY, rules: [{to: [{operation: {ports: ['9090']}}]}]}")],
    "networks": [policy("{rules: [{from: [{source: {ipBlocks: [10.0.0.0/8], namespaces: [ops]}}]}]}")],
    "not from these networks": [policy("{action: DENY, rules: [{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}")],
    "whole mesh": [policy("{rules: [{from: [{source: {namespaces: [ops]}}]}]}", "istio-system/policy")],
}  # fmt: skip

ASKED = [
    *requests(paths=("/", "/get", "/get/", "/anything/ab/c")),
    *requests(("web.shop", "all-web.shop"), ("/GET", "/anything/a", "/status/404", "/get?q=a", "/get?delay=2s"), headers=((),), clients=("shop/cart",)),
    *requests(("web-v2.shop",), ("/get",), headers=((),)),
]  # fmt: skip


@pytest.mark.parametrize("config", ALIKE.values(), ids=ALIKE)
def test_requests_fare_alike_and_nothing_is_reported(config: list[object]):
    before, after, made = before_and_after(config)
    assert reported(made) == []
    assert differences(before, after, ASKED) == []


def test_faces_fares_alike_but_for_the_fault():
    apps, config = read_manifests(FACES), read_manifests(CONFIGS / "istio")
    made = translate([*apps, *config])
    gateways = {one.key for one in made.objects if "faces-gateway" in str(one.data)}
    linkerds = [one for one in made.objects if one.key not in gateways]
    before, after = (
        changes.restart(
            changes.apply(changes.place(changes.install(State(), mesh), "faces", [mesh]), [*apps, *objects]),
            "faces",
        )
        for mesh, objects in ((Mesh.ISTIO, config), (Mesh.LINKERD, linkerds))
    )
    face = Workload("faces", "face")
    urls = (
        "grpc://color/ColorService/Center",
        "grpc://color/Other/Call",
        "http://face/",
        "http://faces-gui/",
    )
    asked = [Request(face, url, method) for url in urls for method in ("GET", "POST")]
    assert [one for one, *_ in differences(before, after, asked) if one.host != "face"] == []
    delayed = [Request(face, url) for url in ("http://smiley/", "http://face/face/")]
    assert [str(one) for one, *_ in differences(before, after, delayed)] == [str(one) for one in delayed]
    assert "fault-injection" in {one.topic for one in made.findings}


def test_the_ways_in_to_faces_fare_alike_but_for_the_prefix_without_slash():
    apps, config = read_manifests(FACES), read_manifests(CONFIGS / "istio/ingress.yaml")
    made = translate([*apps, *config])
    before, after = (
        changes.apply(
            changes.place(changes.install(State(), Mesh.ISTIO), "faces", [Mesh.ISTIO]), [*apps, *objects]
        )
        for objects in (config, made.objects)
    )
    way, face = "http://istio-ingressgateway.istio-system", Workload("faces", "face")
    asked = [Request(face, way + path) for path in ("/gui/", "/face/", "/facex", "/", "/face")]
    assert [one.path for one, *_ in differences(before, after, asked)] == ["/face"]
    assert "string-prefix" in {one.topic for one in made.findings}

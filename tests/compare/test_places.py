"""What is called, and the texts that are sent there, as far as rules can name them."""

from __future__ import annotations

import pytest

from harness.analysis.explore.target import OUTSIDE
from harness.analysis.explore.targets import targets
from harness.api.node import live
from harness.model import changes
from tests.compare.differing import differing
from tests.compare.test_comparison import estate
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource

TEXTS = {
    "header": ("headers: {x-user: {exact: %s}}", "Jürgen", "Zoë"),
    "header by expression": ("headers: {x-user: {regex: '%s.*'}}", "ü", "ë"),
    "path": ("uri: {prefix: '%s'}", "/ü", "/ë"),
    "path with signs": ("uri: {exact: '%s'}", "/{id}", "/a|b"),
    "parameter": ("queryParams: {q: {exact: '%s'}}", "a%20b", "a=b"),
}


@pytest.mark.parametrize(("match", "one", "other"), TEXTS.values(), ids=TEXTS)
def test_texts_of_any_characters_are_sent(match: str, one: str, other: str):
    def routed(text: str):
        return shop(
            ISTIO,
            resource(
                "VirtualService", "shop/web",
                f"{{hosts: [web], http: [{{match: [{{{match % text}}}], route: [{{destination: {{host: new}}}}]}}, {{route: [{{destination: {{host: web}}}}]}}]}}",
            ),
        )  # fmt: skip

    found = differing(routed(one), routed(other))
    assert {each.parts for each in found} == {("backend",)}
    assert len(found) == 2


@pytest.mark.parametrize(("one", "other"), [("a b", "a+b"), ("ü", "ë"), ("a%20b", "a b")])
def test_parameters_are_sent_so_that_linkerd_decodes_them(one: str, other: str):
    def routed(text: str):
        parent = "{group: '', kind: Service, name: web, port: 80}"
        return shop(
            LINKERD,
            resource(
                "HTTPRoute", "shop/web",
                f"{{parentRefs: [{parent}], rules: [{{matches: [{{queryParams: [{{name: q, value: '{text}'}}]}}], backendRefs: [{{name: new, port: 80}}]}}, {{backendRefs: [{{name: web, port: 80}}]}}]}}",
            ),
        )  # fmt: skip

    assert len(differing(routed(one), routed(other))) == 2


def shop(mesh, *objects):
    state = changes.place(cluster(ISTIO, LINKERD), "shop", [mesh])
    apps = [each for name in ("web", "new", "client") for each in app(f"shop/{name}", "any:1", 80)]
    return changes.apply(state, [*apps, *objects])


def database(*objects, replicas: int = 1):
    metrics = [{"containerPort": 9090}]
    pod = {"labels": {"app": "db"}}, {"containers": [{"name": "db", "image": "any:1", "ports": metrics}]}
    template = dict(zip(("metadata", "spec"), pod, strict=True))
    spec = {"serviceName": "db", "selector": {"matchLabels": pod[0]["labels"]}, "template": template}
    service = resource(
        "Service", "shop/db", "{clusterIP: None, selector: {app: db}, ports: [{name: http, port: 80}]}"
    )
    return shop(
        ISTIO,
        resource("StatefulSet", "shop/db", {**spec, "replicas": replicas}, "apps/v1"),
        service,
        *objects,
    )


def denied(operation: str):
    return resource(
        "AuthorizationPolicy", "shop/db", f"{{action: DENY, rules: [{{to: [{{operation: {operation}}}]}}]}}",
        "security.istio.io/v1",
    )  # fmt: skip


def hosted(host: str):
    return resource(
        "VirtualService",
        "shop/db",
        f"{{hosts: [{host}], http: [{{route: [{{destination: {{host: new}}}}]}}]}}",
    )


@pytest.mark.parametrize(
    ("before", "after", "target"),
    [
        (database(), database(hosted("db-0.db.shop.svc.cluster.local")), "Service shop/db:80 (db-0)"),
        (database(replicas=2), database(), "Service shop/db:80 (db-1)"),
        (database(), database(denied("{ports: ['9090']}")), "Service shop/db:9090"),
        (database(), database(denied("{notPorts: ['80', '9090']}")), "Service shop/db:4999"),
        (shop(ISTIO, *app("istio-system/kiali", "any:1", 80)), shop(ISTIO), "Service istio-system/kiali:80"),
    ],
    ids=["pod's name", "pod that is gone", "port of pods", "any port of pods", "Service beside a mesh"],
)
def test_places_that_are_called(before, after, target: str):
    assert target in {each.target for each in differing(before, after)}


def test_a_header_that_is_there_twice_is_a_difference():
    def answered(own: str):
        added = "headers: {response: {add: {x-by: rules}}}"
        route = f"{{hosts: [web], http: [{{{added}, route: [{{{own}destination: {{host: web}}}}]}}]}}"
        return shop(ISTIO, resource("VirtualService", "shop/web", route))

    found = differing(answered(""), answered("headers: {response: {add: {x-by: rules}}}, "))
    assert {"response_headers"} in ({*each.parts} for each in found)


def test_http_is_sent_to_ports_that_say_bytes():
    def routed(to: str):
        parent = "{group: '', kind: Service, name: raw, port: 90}"
        spec = f"{{parentRefs: [{parent}], rules: [{{backendRefs: [{{name: {to}, port: 80}}]}}]}}"
        raw = resource("Service", "shop/raw", "{selector: {app: web}, ports: [{name: tcp-raw, port: 90}]}")
        return shop(LINKERD, raw, resource("HTTPRoute", "shop/raw", spec))

    assert "Service shop/raw:90" in {each.target for each in differing(routed("web"), routed("new"))}


def test_each_service_is_asked_for_another_ones_host():
    state = shop(LINKERD)
    every = [each for each in targets(state, state) if each.scheme == "http" and not each.through]
    called = [
        each for each in every if each.service and each.service.namespace == "shop" and not each.unlisted
    ]
    foreign = [set(each.others) - {OUTSIDE, each.host} for each in called]
    assert len(foreign) == 3
    assert all(foreign)


def test_a_host_that_an_entry_names_is_asked_of_others_outside():
    entry = resource(
        "ServiceEntry", "shop/partner",
        "{hosts: [partner.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}",
    )  # fmt: skip
    found = [each for each in differing(shop(ISTIO, entry), shop(ISTIO)) if each.target == f"{OUTSIDE}:80"]
    assert {each.request.header("host") for each in found} == {"partner.example"}


def test_services_of_kubernetes_are_called_where_an_object_names_them():
    dns = app("kube-system/kube-dns", "any/dns:1", 53)
    host = "{hosts: [kube-dns.kube-system.svc.cluster.local], http: [{fault: {abort: {httpStatus: 500, percentage: {value: 100}}}, "
    rule = resource(
        "VirtualService",
        "kube-system/dns",
        host + "route: [{destination: {host: kube-dns.kube-system.svc.cluster.local}}]}]}",
    )
    plain, named = (changes.apply(cluster(ISTIO), [*dns, *rules]) for rules in ([], [rule]))
    called = ({each.label.partition(":")[0] for each in targets(plain, other)} for other in (plain, named))
    assert [any("kube-dns" in label for label in labels) for labels in called] == [False, True]


def normalizing(mode: str, *objects):
    mesh = {"mesh": f"pathNormalization: {{normalization: {mode}}}"}
    metadata = {"name": "istio", "namespace": "istio-system"}
    config = live({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": mesh})
    return estate(ISTIO, config, *objects)


MODES = {"BASE": "MERGE_SLASHES", "MERGE_SLASHES": "DECODE_AND_MERGE_SLASHES"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("port", ["http", "grpc"])
def test_each_way_not_to_be_normal_is_asked(mode, port):
    spec = "{selector: {app: web}, ports: [{name: " + port + ", port: 80, targetPort: 8080}]}"
    sides = (normalizing(each, resource("Service", "shop/web", spec, "v1")) for each in (mode, MODES[mode]))
    found = differing(*sides)
    own = [each for each in found if each.service and each.service.name == "web" and each.request]
    assert ("path",) in {each.parts for each in own if each.request.grpc == (port == "grpc")}


def test_an_application_that_ends_a_connection_is_seen_in_the_meshes_own_ways():
    """Plain HTTP to a port that says TLS: Istio's proxies pass bytes on, Linkerd's see HTTP."""
    spec = "{selector: {app: web}, ports: [{name: https, port: 443, targetPort: 8080}]}"
    service = resource("Service", "shop/web", spec, "v1")
    found = differing(estate(ISTIO, service), estate(LINKERD, service))
    assert not [each for each in found if each.application == "resets connections"]


def test_hosts_that_lead_nowhere_are_asked_for_by_their_headers():
    """A proxy goes by the Host, and each of them has rules of its own: no limit, and all of their requests."""

    def side(status: int):
        fault = "{abort: {httpStatus: %d, percentage: {value: 100}}}"
        admin = (
            "{match: [{uri: {prefix: /admin}}], fault: " + fault + ", route: [{destination: {host: web}}]}"
        )
        spec = "{hosts: [h%02d.example], http: [" + admin + ", {route: [{destination: {host: web}}]}]}"
        routes = [
            resource("VirtualService", f"shop/to-{each}", spec % (each, status if each == LAST else 418))
            for each in range(LAST + 1)
        ]
        return changes.apply(shop(ISTIO), routes)

    found = differing(side(418), side(429))
    assert {each.request.authority for each in found} == {f"h{LAST}.example"}
    assert {each.request.path for each in found} >= {"/admin"}


LAST = 11
"""The number of a host: more than are asked for at each Service."""


@pytest.mark.parametrize("mesh", [ISTIO, LINKERD])
def test_how_a_port_fails_that_a_service_has_not_is_a_difference_only_within_a_mesh(mesh):
    """An entry without resolution takes what is for its host, whatever was dialled."""
    ports = "ports: [{number: 8080, name: http, protocol: HTTP}]"
    entries = [
        resource("ServiceEntry", "shop/x", f"{{hosts: [{host}], {ports}}}") for host in ("a.com", "b.com")
    ]
    other = app("shop/other", "any:1", 8080)
    before, after = (shop(ISTIO, *other, entry) for entry in entries)
    if mesh is LINKERD:
        after = changes.restart(changes.place(after, "shop", [mesh]), "shop")
    found = [each for each in differing(before, after) if each.target == "Service shop/client:8080"]
    assert bool(found) is (mesh is ISTIO)


def test_services_without_ports_are_called():
    def side(first: str, second: str):
        named = {"a": first, "b": second}
        return shop(
            ISTIO,
            *(
                resource("Service", f"shop/{name}", f"{{type: ExternalName, externalName: {host}}}", "v1")
                for name, host in named.items()
            ),
        )

    found = differing(side("one.org", "two.org"), side("one.org", "three.org"))
    assert {each.service.name for each in found if each.service} == {"b"}

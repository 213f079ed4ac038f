"""Connections compared: who makes them, and what their TLS asks for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.analysis.compare import compare
from harness.analysis.compare.causes import allowed, causes
from harness.api.schema.releases import Release
from harness.model import changes
from tests.compare.differing import differing
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource

PORTS = {"http": "http-web", "tls": "tls-web", "tcp": "tcp-web"}


def estate(*objects):
    state = changes.place(changes.place(cluster(ISTIO), "shop", [ISTIO]), "other", [ISTIO])
    apps = [
        deployment(f"shop/{name}", {"containers": [{"name": name, "image": name}]}) for name in ("web", "new")
    ]
    for name in ("web", "new"):
        ports = [{"name": word, "port": 80 + number} for number, word in enumerate(PORTS.values())]
        apps.append(resource("Service", f"shop/{name}", {"selector": {"app": name}, "ports": ports}))
    return changes.apply(
        state, [*apps, *app("shop/client", "any:1"), *app("other/client", "any:1"), *objects]
    )


def rules(kind: str, match: str, host: str = "web.shop.svc.cluster.local"):
    named = f"sniHosts: [{host}]" if kind == "tls" else ""
    one, other = (f"match: [{{{', '.join(filter(None, (part, named)))}}}]" for part in (match, ""))
    last = (
        f"{{{other}, route: [{{destination: {{host: web}}}}]}}"
        if named
        else "{route: [{destination: {host: web}}]}"
    )
    return resource(
        "VirtualService",
        "shop/web",
        f"{{hosts: [web.shop.svc.cluster.local, web.shop], {kind}: [{{{one}, route: [{{destination: {{host: new}}}}]}}, {last}]}}",
    )  # fmt: skip


# what a match asks of clients; who is sent elsewhere
SOURCES = {
    "namespace": ("sourceNamespace: other", {"other/client"}),
    "labels": ("sourceLabels: {app: client}", {"shop/client"}),
}


@pytest.mark.parametrize("kind", PORTS)
@pytest.mark.parametrize(("match", "callers"), SOURCES.values(), ids=SOURCES)
def test_clients_that_rules_of_any_kind_tell_apart_are_asked(kind: str, match: str, callers: set[str]):
    host = "web.shop" if kind == "tls" else ""
    before, after = (
        estate(rules(kind, f"{match}, port: {port}", host)) for port in (80 + list(PORTS).index(kind), 99)
    )
    differences = differing(before, after)
    assert {one.target.split(" (")[0] for one in differences} == {
        f"Service shop/web:{80 + list(PORTS).index(kind)}"
    }
    assert {str(one.caller.workload) for one in differences} == callers


# what TLS asks for; the hosts of the VirtualService
NAMES = {
    "web": "[web]",
    "web.shop": "[web, web.shop]",
    "web.shop.svc.cluster.local": "[web.shop.svc.cluster.local]",
    "*.shop": "[web, '*.shop']",
    "*.cluster.local": "['*.cluster.local']",
}


@pytest.mark.parametrize(("name", "hosts"), NAMES.items(), ids=NAMES)
def test_each_name_of_a_service_that_tls_can_ask_for_is_asked(name: str, hosts: str):
    rule = f"{{match: [{{sniHosts: ['{name}']}}], route: [{{destination: {{host: new.shop.svc.cluster.local}}}}]}}"
    routed = estate(resource("VirtualService", "shop/web", f"{{hosts: {hosts}, tls: [{rule}]}}"))
    differences = [(one.target, one.parts) for one in differing(routed, estate())]
    assert ("Service shop/web:81 (https)", ("backend",)) in differences


GATEWAY = """{selector: {istio: ingressgateway}, servers: [
    {port: {number: 443, name: tls, protocol: TLS}, hosts: ['*.example.com'], tls: {mode: PASSTHROUGH}}]}"""


def test_each_name_that_a_gateway_passes_on_is_asked():
    ingress = resource("Gateway", "shop/in", GATEWAY, "networking.istio.io/v1")

    def to(one: str, other: str) -> object:
        routes = ", ".join(
            f"{{match: [{{sniHosts: [{sni}.example.com]}}], route: [{{destination: {{host: {host}, port: {{number: 81}}}}}}]}}"
            for sni, host in (("a", one), ("b", other))
        )
        return resource(
            "VirtualService", "shop/in", f"{{hosts: ['*.example.com'], gateways: [in], tls: [{routes}]}}"
        )

    (found,) = differing(estate(ingress, to("web", "web")), estate(ingress, to("web", "new")))
    assert found.target == "Service istio-system/istio-ingressgateway:443 (https from outside)"
    assert found.request.url == "https://b.example.com/"


def registry_only():
    settings = resource("ConfigMap", "istio-system/istio")
    return replace(
        settings, data={**settings.data, "data": {"mesh": "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}}
    )


def test_clients_that_a_sidecar_selects_are_asked_apart():
    hidden = resource(
        "Sidecar", "other/s", "{workloadSelector: {labels: {app: late}}, egress: [{hosts: [./*]}]}"
    )
    settings = registry_only()
    clients = app("other/late", "any:1")
    differences = differing(estate(settings, *clients), estate(settings, *clients, hidden))
    assert {str(one.caller.workload) for one in differences} == {"other/late"}


def test_a_client_that_is_selected_no_more_is_asked_on_both_sides():
    def labelled(tier: str):
        pod = {
            "metadata": {"labels": {"app": "late", "tier": tier}},
            "spec": {"containers": [{"name": "late", "image": "any:1"}]},
        }
        spec = {"selector": {"matchLabels": {"app": "late"}}, "template": pod}
        hidden = resource(
            "Sidecar", "other/s", "{workloadSelector: {labels: {tier: inner}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: [./*]}]}"
        )  # fmt: skip
        return estate(hidden, resource("Deployment", "other/late", spec, "apps/v1"))

    differences = differing(labelled("inner"), labelled("outer"))
    assert {str(one.caller.workload) for one in differences} == {"other/late"}
    assert "opened" in {one.harm for one in differences}


def test_what_differs_within_one_mesh_is_not_put_down_to_the_meshes():
    entry = resource(
        "ServiceEntry", "shop/partner",
        "{hosts: [partner.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 192.0.2.1}]}",
    )  # fmt: skip
    others = [one for one in differing(estate(entry), estate()) if one.request.header("host")]
    assert {one.request.header("host") for one in others} == {"partner.example"}
    assert not [name for one in others for name in causes(one)]


def test_a_strange_host_is_called_where_an_entry_makes_proxies_listen():
    def entry(port: int):
        return resource(
            "ServiceEntry", "shop/partner",
            f"{{hosts: [partner.example], ports: [{{number: {port}, name: http, protocol: HTTP}}], resolution: STATIC, endpoints: [{{address: 192.0.2.1}}]}}",
        )  # fmt: skip

    targets = {
        each.target
        for each in differing(estate(registry_only(), entry(80)), estate(registry_only(), entry(160)))
    }
    assert "harness-elsewhere.com:160" in targets


def test_each_caller_asks_for_other_hosts():
    entry = resource(
        "ServiceEntry", "other/partner",
        "{hosts: [partner.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE}",
    )  # fmt: skip
    closed = resource(
        "Sidecar", "other/s", "{workloadSelector: {labels: {app: late}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: [./*, shop/*]}]}"
    )  # fmt: skip
    clients = app("other/late", "any:1")
    differences = differing(estate(closed, *clients, entry), estate(closed, *clients))
    hosts = {(str(each.caller.workload), each.request.header("host")) for each in differences}
    assert ("other/late", "partner.example") in hosts


@pytest.mark.parametrize("host", ["shop.example", "*.example", "shop.*", "web.shop.svc"])
def test_a_host_that_a_policy_of_the_servers_names_is_asked_with_all_else(host: str):
    def denying(path: str):
        return resource(
            "AuthorizationPolicy", "shop/web",
            f"{{action: DENY, rules: [{{to: [{{operation: {{hosts: ['{host}'], paths: [{path}]}}}}]}}]}}",
            "security.istio.io/v1",
        )  # fmt: skip

    (difference, *_) = differing(estate(denying("/admin")), estate(denying("/inner")))
    assert difference.request.path in ("/admin", "/inner")
    assert "refused" in difference.parts


def test_a_mesh_that_holds_none_of_the_estate_has_strangers():
    subsets = resource(
        "DestinationRule", "shop/web", "{host: web, subsets: [{name: v1, labels: {app: web}}]}"
    )
    routed = resource(
        "VirtualService", "shop/web",
        "{hosts: [web.shop.svc.cluster.local], http: [{route: [{destination: {host: web, subset: v1}}]}]}",
    )  # fmt: skip
    bare = changes.apply(changes.place(cluster(ISTIO), "shop", []), [*app("shop/web", "any:1", 80), routed])
    found = differing(bare, changes.apply(bare, [subsets]))
    assert {str(one.caller.workload) for one in found} == {"harness-strangers-meshed/caller"}


def test_each_mesh_that_holds_pods_has_a_stranger():
    def closed(mode: str):
        state = changes.place(cluster(ISTIO, LINKERD), "shop", [ISTIO])
        state = changes.place(changes.place(state, "more", [ISTIO]), "linked", [LINKERD])
        policy = resource("PeerAuthentication", "shop/web", f"{{mtls: {{mode: {mode}}}}}")
        clients = [*app("more/a", "any:1"), *app("linked/a", "any:1")]
        return changes.apply(state, [*app("shop/web", "any:1", 80), *clients, policy])

    sources = {source for one in differing(closed("PERMISSIVE"), closed("STRICT")) for source in one.sources}
    assert {"harness-strangers-linkerd/caller", "harness-strangers-unmeshed/caller"} < sources


def serving_tls(name: str):
    """A Deployment whose container serves TLS, behind a Service whose port says http."""
    container = {"name": name, "image": f"any/{name}:1", "ports": [{"name": "https", "containerPort": 8443}]}
    ports = [{"name": "http", "port": 80, "targetPort": 8443}]
    service = resource("Service", f"shop/{name}", {"selector": {"app": name}, "ports": ports})
    return [deployment(f"shop/{name}", {"containers": [container]}), service]


def of_tls(backend: str):
    parent, rule = (
        "{group: '', kind: Service, name: web, port: 80}",
        f"{{backendRefs: [{{name: {backend}, port: 80}}]}}",
    )
    spec = f"{{parentRefs: [{parent}], hostnames: [web.shop], rules: [{rule}]}}"
    return resource("TLSRoute", "shop/web", spec, "gateway.networking.k8s.io/v1alpha2")


def test_tls_is_tried_on_ports_that_say_http():
    state = changes.place(cluster(ISTIO, LINKERD), "shop", [LINKERD])
    state = changes.apply(state, [*serving_tls("web"), *serving_tls("new")])
    (found,) = differing(changes.apply(state, [of_tls("web")]), changes.apply(state, [of_tls("new")]))
    assert (found.target, found.parts) == ("Service shop/web:80 (https)", ("backend",))
    istio = changes.place(cluster(ISTIO, LINKERD), "shop", [ISTIO])
    moved = compare(changes.apply(istio, [*serving_tls("web"), *serving_tls("new")]), state)
    assert {each.harm for each in moved.differences if each.request and each.request.tls} == {"opened"}
    assert all(allowed(each, ["*:mesh"]) for each in moved.differences)


def test_the_version_of_routes_that_a_cluster_serves_is_a_difference():
    """The same route; without v1alpha2 Linkerd doesn't read it."""

    def served(channel: str):
        state = changes.apply(cluster(LINKERD), Release("1.6", channel).definitions("a test"))
        state = changes.apply(
            changes.place(state, "shop", [LINKERD]), [*serving_tls("web"), *serving_tls("new")]
        )
        route = of_tls("new")
        data = {**route.data, "apiVersion": "gateway.networking.k8s.io/v1"}
        return changes.apply(state, [replace(route, api_version=data["apiVersion"], data=data)])

    assert differing(served("standard"), served("standard")) == []
    found = differing(served("experimental"), served("standard"))
    assert "Service shop/web:80 (https)" in {each.target for each in found}


def test_a_client_is_on_each_side_what_it_is_there():
    """Its pods have other names once its template is another."""

    def own(port: str):
        spec = {
            "containers": [{"name": "a", "image": "any:1", "ports": [{"name": port, "containerPort": 80}]}]
        }
        closed = resource("NetworkPolicy", "shop/web", "{podSelector: {}}", "networking.k8s.io/v1")
        return estate(deployment("shop/web", spec), closed)

    assert differing(own("http"), own("other")) == []

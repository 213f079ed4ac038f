"""Gateways of the Gateway API that Istio deploys and serves: listeners, and the routes attached to them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.api.schema.releases import Release
from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import Refused, changes
from harness.model.decide import arrivals
from harness.traffic.request import Request
from tests.model.clusters import ISTIO, LINKERD, app, cluster, resource, send, told

API = "gateway.networking.k8s.io/v1"
TLS_SERVER = "{selector: {app: safe}, ports: [{name: https, port: 443, targetPort: 8443}]}"


def gateway(listeners, name="infra/shop", **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    wanted = "" if "gatewayClassName" in more else "gatewayClassName: istio, "
    return resource("Gateway", name, f"{{{wanted}listeners: [{listeners}]{rest}}}", api=API)


def listener(name="http", port=80, protocol="HTTP", hostname="", tls="", allowed="{from: All}", kinds=""):
    parts = [f"name: {name}, port: {port}, protocol: {protocol}"]
    parts += [f"hostname: '{hostname}'"] if hostname else []
    parts += [f"tls: {tls}"] if tls else []
    parts += [f"allowedRoutes: {{namespaces: {allowed}{kinds}}}"]
    return f"{{{', '.join(parts)}}}"


def route(name, rules, parent="name: shop", hosts="", kind="HTTPRoute", version="v1"):
    wanted = f"hostnames: [{hosts}], " if hosts else ""
    spec = f"{{parentRefs: [{{namespace: infra, {parent}}}], {wanted}rules: [{rules}]}}"
    return resource(kind, name, spec, api=f"gateway.networking.k8s.io/{version}")


def to(name, rest=""):
    return f"{{{rest}backendRefs: [{{name: {name}, port: 80}}]}}"


def grant(namespace="apps", source="HTTPRoute", origin="other", kind="Service", name=""):
    what = f", name: {name}" if name else ""
    spec = (
        f"{{from: [{{group: gateway.networking.k8s.io, kind: {source}, namespace: {origin}}}], "
        f"to: [{{group: '', kind: {kind}{what}}}]}}"
    )
    return resource("ReferenceGrant", f"{namespace}/grant", spec, api="gateway.networking.k8s.io/v1beta1")


WORLD = changes.apply(
    changes.mark(
        changes.mark(changes.mark(cluster(ISTIO, LINKERD), "infra"), "apps", labels={"team": "a"}),
        "other",
        labels={"team": "b"},
    ),
    [
        *(one for space in ("ist", "lnk", "bare") for one in app(f"{space}/client", "curlimages/curl")),
        *app("apps/one", "l5d/echo:v1", 8080),
        *app("apps/two", "l5d/echo:v1", 8080),
        *app("other/one", "l5d/echo:v1", 8080),
        *app("apps/safe", "unknown/tls-server"),
        resource("Service", "apps/safe", TLS_SERVER),
    ],
)
ONE, TWO, NOT_FOUND = {"200 from apps/one": 1}, {"200 from apps/two": 1}, {"404": 1}
CLIENTS = ("ist/client", "lnk/client", "bare/client")


def ask(state, host, path="/", source="bare/client", service="shop-istio.infra", method="GET"):
    return told(send(state, source, f"http://{service}{path}", method, host=host))


@pytest.mark.parametrize("source", CLIENTS)
def test_istio_deploys_a_gateway_that_any_client_reaches(source):
    state = changes.apply(WORLD, [gateway(listener()), route("apps/r", to("one"), hosts="a.example")])
    assert ask(state, "a.example", source=source) == ONE
    assert ask(state, "b.example", source=source) == NOT_FOUND
    labels = state.get("apps", "Deployment", "infra", "shop-istio").data["spec"]["template"]["metadata"][
        "labels"
    ]
    assert labels["gateway.networking.k8s.io/gateway-name"] == "shop"


def test_a_gateway_takes_its_deployment_along_when_it_goes():
    made = gateway(listener())
    state = changes.apply(WORLD, [made])
    assert state.get("", "Service", "infra", "shop-istio")
    gone = changes.remove(state, [made])
    assert not gone.get("", "Service", "infra", "shop-istio")
    assert ask(gone, "a.example") == {"could not resolve host (curl 6)": 1}


def test_a_changed_gateway_changes_its_service():
    state = changes.apply(WORLD, [gateway(listener()), route("apps/r", to("one"))])
    assert ask(state, "a.example", service="shop-istio.infra:8080") != ONE
    state = changes.apply(state, [gateway(listener(port=8080))])
    assert ask(state, "a.example", service="shop-istio.infra:8080") == ONE


@pytest.mark.parametrize(
    ("objects", "url"),
    [
        ([gateway(listener(), gatewayClassName="nginx")], "http://shop-nginx.infra/"),
        (
            [
                resource("GatewayClass", "nginx", "{controllerName: example.org/nginx}", api=API),
                gateway(listener(), gatewayClassName="nginx"),
            ],
            "http://shop-nginx.infra/",
        ),
    ],
)
def test_nothing_answers_for_a_class_that_nobody_implements(objects, url):
    state = changes.apply(WORLD, [*objects, route("apps/r", to("one"))])
    assert told(send(state, "bare/client", url)) == {"could not resolve host (curl 6)": 1}


def test_a_class_of_ones_own_may_be_istios():
    own = resource("GatewayClass", "edge", "{controllerName: istio.io/gateway-controller}", api=API)
    state = changes.apply(
        WORLD, [own, gateway(listener(), gatewayClassName="edge"), route("apps/r", to("one"))]
    )
    assert ask(state, "a.example", service="shop-edge.infra") == ONE


def test_no_istio_no_gateway():
    state = changes.apply(
        changes.mark(cluster(LINKERD), "infra"), [*app("bare/client", "curlimages/curl"), gateway(listener())]
    )
    assert ask(state, "a.example") == {"could not resolve host (curl 6)": 1}
    # Its controller sees the Gateway as soon as it runs.
    assert changes.install(state, ISTIO).get("", "Service", "infra", "shop-istio")


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("{type: Hostname, value: istio-ingressgateway.istio-system.svc.cluster.local}", ONE),
        ("{type: Hostname, value: istio-ingressgateway}", ONE),
        ("{type: IPAddress, value: 10.0.0.1}", None),
    ],
)
def test_a_gateway_may_use_pods_that_are_there(address, wanted):
    made = gateway(listener(), "istio-system/shop", addresses=f"[{address}]")
    parent = "name: shop, namespace: istio-system"
    spec = f"{{parentRefs: [{{{parent}}}], rules: [{to('one')}]}}"
    state = changes.apply(WORLD, [made, resource("HTTPRoute", "apps/r", spec)])
    own = state.get("", "Service", "istio-system", "shop-istio")
    assert (own is None) == (wanted is not None)
    got = ask(state, "a.example", service="istio-ingressgateway.istio-system")
    assert got == (wanted or {"connection refused (curl 7)": 1})


def test_a_service_of_another_namespace_serves_no_listeners():
    address = "[{type: Hostname, value: istio-ingressgateway.istio-system.svc.cluster.local}]"
    state = changes.apply(WORLD, [gateway(listener(), addresses=address), route("apps/r", to("one"))])
    got = ask(state, "a.example", service="istio-ingressgateway.istio-system")
    assert got == {"connection refused (curl 7)": 1}


@pytest.mark.parametrize(
    ("offered", "hosts", "host", "wanted"),
    [
        ("", "", "a.example", ONE),
        ("", "a.example", "a.example", ONE),
        ("", "a.example", "A.Example:80", ONE),
        ("", "'*.example'", "b.example", ONE),
        ("", "'*.example'", "b.c.example", ONE),
        ("", "'*.example'", "example", NOT_FOUND),
        ("*.example", "", "a.example", ONE),
        ("*.example", "", "a.test", NOT_FOUND),
        ("*.example", "a.example", "a.example", ONE),
        ("*.example", "a.example", "b.example", NOT_FOUND),
        ("*.example", "'*.test'", "a.test", NOT_FOUND),
        ("a.example", "'*.example'", "a.example", ONE),
        ("a.example", "'*.example'", "b.example", NOT_FOUND),
        ("a.example", "a.example, b.example", "b.example", NOT_FOUND),
        ("*.a.example", "'*.example'", "x.a.example", ONE),
        ("*.a.example", "'*.example'", "b.example", NOT_FOUND),
    ],
)
def test_host_names(offered, hosts, host, wanted):
    state = changes.apply(
        WORLD, [gateway(listener(hostname=offered)), route("apps/r", to("one"), hosts=hosts)]
    )
    assert ask(state, host) == wanted


def test_the_most_specific_host_name_wins_over_age_and_path():
    every = route("apps/every", to("one", "matches: [{path: {type: Exact, value: /x}}], "))
    wild = route("apps/wild", to("one"), hosts="'*.example'")
    exact = route("apps/exact", to("two"), hosts="a.example")
    state = changes.apply(
        changes.apply(changes.apply(changes.apply(WORLD, [gateway(listener())]), [every]), [wild]), [exact]
    )
    assert ask(state, "a.example", "/x") == TWO
    assert ask(state, "b.example", "/x") == ONE
    assert ask(state, "c.test", "/x") == ONE
    assert ask(state, "c.test", "/y") == NOT_FOUND


def test_listeners_of_one_gateway_keep_to_their_own_names():
    listeners = ", ".join((listener("all", hostname="*.example"), listener("a", hostname="a.example")))
    wide = route("apps/wide", to("one"), "name: shop, sectionName: all", "a.example, b.example")
    state = changes.apply(WORLD, [gateway(listeners), wide])
    assert ask(state, "b.example") == ONE
    # a.example belongs to the listener that names it, to which nothing is attached.
    assert ask(state, "a.example") == NOT_FOUND


@pytest.mark.parametrize(
    ("parent", "wanted"),
    [
        ("name: shop", ONE),
        ("name: shop, port: 80", ONE),
        ("name: shop, port: 81", NOT_FOUND),
        ("name: shop, sectionName: http", ONE),
        ("name: shop, sectionName: else", NOT_FOUND),
        ("name: shop, kind: Gateway, group: gateway.networking.k8s.io", ONE),
        ("name: shop, kind: Gateway, group: networking.istio.io", NOT_FOUND),
        ("name: shop, kind: Service, group: ''", NOT_FOUND),
        ("name: else", NOT_FOUND),
    ],
)
def test_parent_references(parent, wanted):
    state = changes.apply(WORLD, [gateway(listener()), route("apps/r", to("one"), parent)])
    assert ask(state, "a.example") == wanted


@pytest.mark.parametrize(
    ("allowed", "kinds", "wanted"),
    [
        ("{from: All}", "", ONE),
        ("{from: Same}", "", NOT_FOUND),
        ("{}", "", NOT_FOUND),
        ("{from: Selector, selector: {matchLabels: {team: a}}}", "", ONE),
        ("{from: Selector, selector: {matchLabels: {team: b}}}", "", NOT_FOUND),
        ("{from: Selector, selector: {matchLabels: {kubernetes.io/metadata.name: apps}}}", "", ONE),
        (
            "{from: Selector, selector: {matchExpressions: [{key: team, operator: In, values: [a, c]}]}}",
            "",
            ONE,
        ),
        ("{from: All}", ", kinds: [{kind: HTTPRoute}]", ONE),
        ("{from: All}", ", kinds: [{kind: GRPCRoute}]", NOT_FOUND),
        ("{from: All}", ", kinds: [{kind: HTTPRoute, group: example.org}]", NOT_FOUND),
    ],
)
def test_allowed_routes(allowed, kinds, wanted):
    made = gateway(listener(allowed=allowed, kinds=kinds))
    assert ask(changes.apply(WORLD, [made, route("apps/r", to("one"))]), "a.example") == wanted


def test_why_a_route_is_not_attached_is_told():
    state = changes.apply(WORLD, [gateway(listener(allowed="{from: Same}")), route("apps/r", to("one"))])
    (group,) = send(state, "bare/client", "http://shop-istio.infra/").groups
    lost = [one for one in group.trace if one.passed_over and one.subject == "HTTPRoute apps/r"]
    assert [one.text for one in lost] == [
        "Gateway infra/shop spec.listeners[0] takes no routes of namespace apps"
    ]


@pytest.mark.parametrize(
    ("grants", "wanted"),
    [
        ([], {"500": 1}),
        ([grant()], ONE),
        ([grant(name="one")], ONE),
        ([grant(name="two")], {"500": 1}),
        ([grant(origin="bare")], {"500": 1}),
        ([grant(source="GRPCRoute")], {"500": 1}),
        ([grant(kind="Secret")], {"500": 1}),
        ([grant(namespace="infra")], {"500": 1}),
    ],
)
def test_a_backend_of_another_namespace_needs_a_grant_on_gateways(grants, wanted):
    there = "{backendRefs: [{name: one, namespace: apps, port: 80}]}"
    state = changes.apply(WORLD, [gateway(listener()), route("other/r", there), *grants])
    assert ask(state, "a.example") == wanted


def test_a_grant_is_asked_for_each_share():
    both = "{backendRefs: [{name: one, port: 80}, {name: one, namespace: apps, port: 80, weight: 3}]}"
    state = changes.apply(WORLD, [gateway(listener()), route("other/r", both)])
    assert ask(state, "a.example") == {"200 from other/one": Fraction(1, 4), "500": Fraction(3, 4)}


def test_precedence_across_routes():
    state = changes.apply(WORLD, [gateway(listener())])
    state = changes.apply(state, [route("apps/short", to("one", "matches: [{path: {value: /a}}], "))])
    state = changes.apply(state, [route("apps/long", to("two", "matches: [{path: {value: /a/b}}], "))])
    assert ask(state, "a.example", "/a/b/c") == TWO
    assert ask(state, "a.example", "/a/x") == ONE
    state = changes.apply(
        state, [route("apps/put", to("two", "matches: [{path: {value: /a}, method: PUT}], "))]
    )
    assert ask(state, "a.example", "/a/x", method="PUT") == TWO
    # A tie goes to the older route.
    state = changes.apply(state, [route("apps/aaa", to("two", "matches: [{path: {value: /a}}], "))])
    assert ask(state, "a.example", "/a/x") == ONE


def test_sets_of_routes_for_one_host_begin_with_the_gateways_namespace():
    older, younger = "matches: [{path: {value: /a/b}}], ", "matches: [{path: {value: /a}}], "
    state = changes.apply(
        WORLD, [gateway(listener(hostname="*.example")), *app("infra/near", "l5d/echo:v1", 8080)]
    )
    state = changes.apply(state, [route("apps/r", to("one", older))])
    # Its host names are another set's, whose rules all come before.
    state = changes.apply(state, [route("infra/r", to("near", younger), hosts="'*.example'")])
    assert ask(state, "a.example", "/a/b") == {"200 from infra/near": 1}
    state = changes.apply(WORLD, [gateway(listener(hostname="*.example"))])
    state = changes.apply(state, [route("apps/r", to("one", older))])
    state = changes.apply(state, [route("apps/s", to("two", younger), hosts="'*.example'")])
    assert ask(state, "a.example", "/a/b") == ONE


def test_a_gateways_own_marks_go_on_to_its_pods():
    made = gateway(listener(), infrastructure="{labels: {team: edge}, annotations: {a: b}}")
    (pod,) = changes.apply(WORLD, [made]).pods_of(Workload("infra", "shop-istio"))
    assert (pod.labels["team"], pod.annotations["a"], pod.service_account) == ("edge", "b", "shop-istio")


def test_a_redirect_to_https():
    rule = "{filters: [{type: RequestRedirect, requestRedirect: {scheme: https, statusCode: 301}}]}"
    state = changes.apply(WORLD, [gateway(listener()), route("apps/r", rule)])
    (group,) = send(state, "bare/client", "http://shop-istio.infra/x?y=z", host="a.example").groups
    assert (group.outcome.status, group.outcome.header("location")) == (301, "https://a.example/x?y=z")


TERMINATED = "{certificateRefs: [{name: cert}]}"
SECRET = resource("Secret", "infra/cert")
HANDSHAKE = "TLS handshake failed (curl 35)"


@pytest.mark.parametrize(
    ("listeners", "objects", "wanted"),
    [
        (listener(port=443, protocol="HTTPS", tls=TERMINATED), [SECRET], ONE),
        (
            listener(port=443, protocol="HTTPS", tls=TERMINATED),
            [],
            {f"{HANDSHAKE}: there is no Secret infra/cert": 1},
        ),
        (
            listener(port=443, protocol="HTTPS", tls="{certificateRefs: [{name: cert, namespace: apps}]}"),
            [resource("Secret", "apps/cert")],
            {f"{HANDSHAKE}: no ReferenceGrant in apps is for Gateways of infra": 1},
        ),
        (
            listener(port=443, protocol="HTTPS", tls="{certificateRefs: [{name: cert, namespace: apps}]}"),
            [resource("Secret", "apps/cert"), grant(source="Gateway", origin="infra", kind="Secret")],
            ONE,
        ),
        (
            listener(
                port=443, protocol="HTTPS", tls="{certificateRefs: [{name: cert, kind: Bag, group: a.b}]}"
            ),
            [SECRET],
            {f"{HANDSHAKE}: cert isn't a Secret": 1},
        ),
        (
            listener(port=443, protocol="HTTPS", tls="{certificateRefs: [{name: nope}, {name: cert}]}"),
            [SECRET],
            ONE,
        ),
        (
            listener(port=443, protocol="HTTPS", hostname="other.example", tls=TERMINATED),
            [SECRET],
            {HANDSHAKE: 1},
        ),
        (
            listener(port=443, protocol="HTTPS", hostname="*.infra", tls=TERMINATED),
            [SECRET],
            ONE,
        ),
    ],
)
def test_https_listeners(listeners, objects, wanted):
    state = changes.apply(WORLD, [gateway(listeners), *objects, route("apps/r", to("one"))])
    assert told(send(state, "bare/client", "https://shop-istio.infra/")) == wanted


AUTHORITY = "{validation: {caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]MODE}}"
ASKED = AUTHORITY.replace("MODE", "")
FALLBACK = AUTHORITY.replace("MODE", ", mode: AllowInsecureFallback")
CA = resource("ConfigMap", "infra/ca")
ASKS = {"TLS alert: certificate required (curl 56)": 1}


@pytest.mark.parametrize(
    ("frontend", "objects", "wanted"),
    [
        (f"{{default: {ASKED}}}", [CA], ASKS),
        (f"{{default: {FALLBACK}}}", [CA], ONE),
        (f"{{default: {{}}, perPort: [{{port: 443, tls: {ASKED}}}]}}", [CA], ASKS),
        (f"{{default: {ASKED}, perPort: [{{port: 443, tls: {{}}}}]}}", [CA], ONE),
        (f"{{default: {ASKED}}}", [], {f"{HANDSHAKE}: there is no ConfigMap infra/ca": 1}),
    ],
)
def test_certificates_that_clients_must_show(frontend, objects, wanted):
    made = gateway(listener(port=443, protocol="HTTPS", tls=TERMINATED), tls=f"{{frontend: {frontend}}}")
    state = changes.apply(WORLD, [made, SECRET, *objects, route("apps/r", to("one"))])
    assert told(send(state, "bare/client", "https://shop-istio.infra/")) == wanted


def listener_set(listeners, name="apps/more"):
    spec = f"{{parentRef: {{name: shop, namespace: infra}}, listeners: [{listeners}]}}"
    return resource("ListenerSet", name, spec, api=API)


NOWHERE = {"timed out (curl 28)": 1}


@pytest.mark.parametrize(
    ("allowed", "wanted"),
    [
        ("{namespaces: {from: All}}", ONE),
        ("{namespaces: {from: Selector, selector: {matchLabels: {team: a}}}}", ONE),
        ("{namespaces: {from: Selector, selector: {matchLabels: {team: b}}}}", NOWHERE),
        ("{namespaces: {from: Same}}", NOWHERE),
        ("{}", NOWHERE),
    ],
)
def test_a_gateway_says_whose_listener_sets_it_takes(allowed, wanted):
    made = gateway(listener(), allowedListeners=allowed)
    there = route("apps/r", to("one"))
    there.data["spec"]["parentRefs"][0].update(kind="ListenerSet", namespace="apps", name="more")
    state = changes.apply(WORLD, [made, listener_set(listener(port=81)), there])
    assert ask(state, "a.example", service="shop-istio.infra:81") == wanted


def test_routes_on_a_gateway_arent_on_its_listener_sets():
    made = gateway(listener(), allowedListeners="{namespaces: {from: All}}")
    state = changes.apply(WORLD, [made, listener_set(listener(port=81)), route("apps/r", to("one"))])
    assert ask(state, "a.example") == ONE
    assert ask(state, "a.example", service="shop-istio.infra:81") == NOT_FOUND


def test_a_listener_of_a_set_gives_way_to_the_gateways():
    made = gateway(listener(), allowedListeners="{namespaces: {from: All}}")
    there = route("apps/r", to("one"))
    there.data["spec"]["parentRefs"][0].update(kind="ListenerSet", namespace="apps", name="more")
    state = changes.apply(WORLD, [made, listener_set(listener(port=80)), there])
    assert ask(state, "a.example") == NOT_FOUND


@pytest.mark.parametrize(
    ("release", "kind", "version", "wanted"),
    [
        ("1.4/experimental", "TCPRoute", "v1alpha2", False),
        ("1.5/experimental", "TCPRoute", "v1alpha2", False),
        ("1.6/experimental", "TCPRoute", "v1alpha2", True),
        ("1.6/standard", "TCPRoute", "v1", True),
    ],
)
def test_istio_reads_one_version_of_a_kind(release, kind, version, wanted):
    made, there = (
        gateway(listener(port=9000, protocol="TCP")),
        route("apps/r", to("one"), kind=kind, version=version),
    )
    state = changes.apply(WORLD, [*Release.parse(release).definitions("a test"), made, there])
    assert (told(send(state, "bare/client", "http://shop-istio.infra:9000/")) == ONE) is wanted


@pytest.mark.parametrize(
    ("retry", "arriving"),
    [("", 1), ("retry: {codes: [500]}, ", 1), ("retry: {codes: [503], attempts: 3}, ", 4)],
)
def test_what_is_sent_again(retry, arriving):
    bin_ = app("apps/bin", "mccutchen/go-httpbin", 8080)
    state = changes.apply(WORLD, [gateway(listener()), *bin_, route("apps/r", to("bin", retry))])
    request = Request(Workload("bare", "client"), "http://shop-istio.infra/status/503")
    assert dict(arrivals(state, request)[1])[Workload("apps", "bin")] == arriving


def test_plain_http_on_a_tls_listener_is_closed():
    made = gateway(listener(port=443, protocol="HTTPS", tls=TERMINATED))
    state = changes.apply(WORLD, [made, SECRET, route("apps/r", to("one"))])
    assert told(send(state, "bare/client", "http://shop-istio.infra:443/")) == {
        "connection reset (curl 56)": 1
    }


TLS_BACKEND = "{backendRefs: [{name: safe, port: 443}]}"


@pytest.mark.parametrize("version", ["v1", "v1alpha2", "v1alpha3"])
@pytest.mark.parametrize(
    ("hosts", "wanted"),
    [("shop-istio.infra", {"200 from apps/safe": 1}), ("other.example", {HANDSHAKE: 1})],
)
def test_tls_is_passed_through_by_name(version, hosts, wanted):
    made = gateway(listener(port=443, protocol="TLS", tls="{mode: Passthrough}"))
    there = route("apps/r", TLS_BACKEND, hosts=hosts, kind="TLSRoute", version=version)
    state = changes.apply(WORLD, [made, there])
    assert told(send(state, "bare/client", "https://shop-istio.infra/")) == wanted


@pytest.mark.parametrize("version", ["v1", "v1alpha2"])
def test_bytes_go_by_a_tcp_route(version):
    made = gateway(listener(port=9000, protocol="TCP"))
    state = changes.apply(WORLD, [made, route("apps/r", to("one"), kind="TCPRoute", version=version)])
    assert told(send(state, "bare/client", "tcp://shop-istio.infra:9000")) == {"connected to apps/one": 1}
    assert told(send(state, "bare/client", "http://shop-istio.infra:9000/")) == ONE
    empty = changes.remove(state, [route("apps/r", to("one"), kind="TCPRoute", version=version)])
    assert "200" not in str(told(send(empty, "bare/client", "http://shop-istio.infra:9000/")))


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        (listener("a", 80), listener("b", 80, "TCP"), ONE),
        (listener("a", 80, "TCP"), listener("b", 80), TWO),
        (
            listener("a", 80, "HTTPS", tls=TERMINATED),
            listener("b", 80, "TCP"),
            {"connection reset (curl 56)": 1},
        ),
    ],
)
def test_a_listener_that_conflicts_with_an_earlier_one_is_not_served(first, second, wanted):
    routes = [route("apps/h", to("one")), route("apps/t", to("two"), kind="TCPRoute")]
    state = changes.apply(WORLD, [gateway(f"{first}, {second}"), SECRET, *routes])
    assert ask(state, "a.example") == wanted


def test_listeners_share_a_port_with_istios_own_gateways():
    address = "[{type: Hostname, value: istio-ingressgateway}]"
    own = resource(
        "Gateway",
        "istio-system/own",
        "{selector: {istio: ingressgateway}, servers: "
        "[{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*/own.example']}]}",
    )
    rules = resource(
        "VirtualService",
        "apps/v",
        "{hosts: [own.example], gateways: [istio-system/own], "
        "http: [{route: [{destination: {host: two, port: {number: 80}}}]}]}",
    )
    spec = f"{{parentRefs: [{{name: shop, namespace: istio-system}}], hostnames: [a.example], rules: [{to('one')}]}}"
    state = changes.apply(
        WORLD,
        [
            own,
            rules,
            gateway(listener(), "istio-system/shop", addresses=address),
            resource("HTTPRoute", "apps/r", spec),
        ],
    )
    service = "istio-ingressgateway.istio-system"
    assert ask(state, "own.example", service=service) == TWO
    assert ask(state, "a.example", service=service) == ONE
    assert ask(state, "c.example", service=service) == NOT_FOUND


@pytest.mark.parametrize(
    ("listeners", "words"),
    [
        (listener(tls=TERMINATED), "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']"),
        (
            listener(protocol="HTTPS", tls="{mode: Passthrough}"),
            "tls mode must be Terminate for protocol HTTPS",
        ),
        (listener(protocol="TLS"), "tls mode must be set for protocol TLS"),
        (
            listener(protocol="HTTPS", tls="{mode: Terminate}"),
            "certificateRefs or options must be specified when mode is Terminate",
        ),
        (
            listener(protocol="TCP", hostname="a.b"),
            "hostname must not be specified for protocols ['TCP', 'UDP']",
        ),
        (f"{listener()}, {listener(port=81)}", "Listener name must be unique within the Gateway"),
        (
            f"{listener('a')}, {listener('b')}",
            "Combination of port, protocol and hostname must be unique for each listener",
        ),
        ("", "should have at least 1 items"),
        (listener(hostname="A.example"), "in body should match"),
    ],
)
def test_gateways_that_the_api_refuses(listeners, words):
    with pytest.raises(Refused) as caught:
        changes.apply(WORLD, [gateway(listeners)])
    assert words in caught.value.what


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (
            gateway(listener(port=15008, protocol="HBONE"), gatewayClassName="istio-waypoint"),
            "Gateway infra/shop spec.gatewayClassName isn't modelled",
        ),
        (
            gateway(listener(), infrastructure="{parametersRef: {group: '', kind: ConfigMap, name: ca}}"),
            "Gateway infra/shop spec.infrastructure.parametersRef isn't modelled",
        ),
        (gateway(listener(), defaultScope="All"), "Gateway infra/shop spec.defaultScope isn't modelled"),
    ],
)
def test_not_modelled(made, what):
    world = changes.apply(WORLD, [resource("ConfigMap", "infra/ca")])
    with pytest.raises(NotModelledError) as caught:
        changes.apply(world, [made])
    assert caught.value.what == what


def backend_tls(kind="ConfigMap", section="", target="safe", **validation):
    authority = f"caCertificateRefs: [{{group: '', kind: {kind}, name: ca}}]"
    known = "wellKnownCACertificates: System"
    part = f", sectionName: {section}" if section else ""
    spec = (
        f"{{targetRefs: [{{group: '', kind: Service, name: {target}{part}}}], "
        f"validation: {{hostname: safe.example, {known if kind == 'System' else authority}}}}}"
    )
    return resource("BackendTLSPolicy", f"apps/{validation.get('name', 'tls')}", spec, api=API)


AUTHORITY_OF_APPS, OTHER_TEXT = resource("ConfigMap", "apps/ca"), resource("ConfigMap", "apps/ca")
OTHER_TEXT.data["data"] = {"other": "text"}


@pytest.mark.parametrize(
    ("policies", "status", "encrypted"),
    [
        ([], 200, False),
        ([backend_tls(), AUTHORITY_OF_APPS], 200, True),
        ([backend_tls(section="https"), AUTHORITY_OF_APPS], 200, True),
        ([backend_tls(section="other"), AUTHORITY_OF_APPS], 200, False),
        ([backend_tls()], 503, False),
        ([backend_tls("Secret"), AUTHORITY_OF_APPS], 503, False),
        ([backend_tls(), OTHER_TEXT], 503, False),
        ([backend_tls(target="one"), AUTHORITY_OF_APPS], 200, False),
        ([backend_tls(name="a"), backend_tls("Secret", name="b"), AUTHORITY_OF_APPS], 200, True),
    ],
)
def test_tls_towards_a_backend(policies, status, encrypted):
    there = route("apps/r", "{backendRefs: [{name: safe, port: 443}]}")
    state = changes.apply(WORLD, [gateway(listener()), there, *policies])
    (group,) = send(state, "bare/client", "http://shop-istio.infra/", host="a.example").groups
    assert group.outcome.status == status
    words = "is SIMPLE: TLS by the client's proxy towards apps/safe"
    assert any(words in step.text for step in group.trace) is encrypted


def test_the_systems_authorities_arent_known():
    there = route("apps/r", "{backendRefs: [{name: safe, port: 443}]}")
    state = changes.apply(WORLD, [gateway(listener()), there, backend_tls("System")])
    with pytest.raises(NotModelledError, match="authority"):
        ask(state, "a.example")

"""What holds for several requests: affinity to a pod, shares of zones, rates."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.decide import arrivals
from harness.traffic.between import bounds
from harness.traffic.request import Request
from tests.model.clusters import ISTIO, LINKERD, cluster, deployment, resource, send, told

URL = "http://s.ist/"
SERVICE = {"selector": {"svc": "s"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
POLICY = "policy.linkerd.io/v1alpha1"


def node(name: str, place: str):
    region, zone = place.split("/")
    labels = {"topology.kubernetes.io/region": region, "topology.kubernetes.io/zone": zone}
    return resource("Node", name, labels=labels)


def pods(name: str, on: str = "", **labels: str):
    pod = {"containers": [{"name": "c", "image": "x/web"}], **({"nodeName": on} if on else {})}
    short = name.rpartition("/")[2]
    return deployment(name, pod, {"labels": {"app": short, "svc": "s", **labels}})


def client(namespace: str, on: str = ""):
    return deployment(
        f"{namespace}/client",
        {"containers": [{"name": "c", "image": "x/client"}], **({"nodeName": on} if on else {})},
    )


NODES = [node("n1", "eu/a"), node("n2", "eu/b"), node("n3", "us/a")]


def world(*objects, service: object = None, known: bool = True):
    """Pods of a Service in three zones, and clients in eu/a without a mesh and in either."""
    on = ("n1", "n2", "n3") if known else ("", "", "")
    state = cluster(ISTIO, LINKERD)
    parts = [pods(f"ist/{name}", where, tier=name) for name, where in zip("abc", on, strict=True)]
    clients = [client(namespace, on[0]) for namespace in ("ist", "lnk", "bare")]
    own = resource("Service", "ist/s", {**SERVICE, **(service or {})})
    return changes.apply(state, [*(NODES if known else []), *parts, *clients, own, *objects])


def rule(policy: str, **more: str):
    extra = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("DestinationRule", "ist/s", f"{{host: s, trafficPolicy: {policy}{extra}}}")


def hashed(by: str):
    return rule(f"{{loadBalancer: {{consistentHash: {by}}}}}")


def affinity(outcomes) -> set[str]:
    return {" and ".join(map(str, group.outcome.series.affinity)) for group in outcomes.groups}


# the hash, what a request has, and what keeps it on a pod
HASHES = [
    ("{httpHeaderName: X-User}", "/", {"x_user": "ada"}, "header x-user"),
    ("{httpHeaderName: X-User}", "/", {}, ""),
    ("{httpCookie: {name: sid}}", "/", {"cookie": "a=1; sid=2"}, "cookie sid"),
    ("{httpCookie: {name: sid}}", "/", {"cookie": "xsid=2"}, ""),
    ("{httpQueryParameterName: u}", "/?v=1&u=2", {}, "parameter u"),
    ("{httpQueryParameterName: u}", "/?uu=2", {}, ""),
    ("{useSourceIp: true}", "/", {}, "source"),
    ("{useSourceIp: true, maglev: {tableSize: 101}}", "/", {}, "source"),
]


@pytest.mark.parametrize(("by", "path", "headers", "kept"), HASHES)
def test_a_hash_keeps_requests_that_have_its_subject(by, path, headers, kept):
    state = world(hashed(by))
    assert affinity(send(state, "ist/client", f"http://s.ist{path}", **headers)) == {kept}
    assert affinity(send(state, "lnk/client", f"http://s.ist{path}", **headers)) == {""}


@pytest.mark.parametrize(
    ("cookie", "header"),
    [
        ("{name: sid}", None),
        ("{name: sid, ttl: 0s}", 'sid="0123456789abcdef"; HttpOnly'),
        ("{name: sid, ttl: 1h, path: /x}", 'sid="0123456789abcdef"; Max-Age=3600; Path=/x; HttpOnly'),
    ],
)
def test_a_cookie_with_a_ttl_is_set(cookie, header):
    state = world(hashed(f"{{httpCookie: {cookie}}}"))
    for sent, answered in (({}, header), ({"cookie": "sid=1"}, None)):
        outcomes = send(state, "ist/client", URL, **sent)
        assert {group.outcome.header("set-cookie") for group in outcomes.groups} == {answered}


BY_SOURCE = "{consistentHash: {useSourceIp: true}}"
FOR_PORT = f"{{portLevelSettings: [{{port: {{number: 80}}, loadBalancer: {BY_SOURCE}}}]}}"
SUBSETS = (
    "[{name: a, labels: {tier: a}, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}}},"
    f" {{name: b, labels: {{tier: b}}, trafficPolicy: {{loadBalancer: {BY_SOURCE}}}}},"
    " {name: c, labels: {tier: c}}]"
)


@pytest.mark.parametrize(
    ("policy", "destinations", "kept"),
    [
        (f"{{loadBalancer: {BY_SOURCE}}}", "{destination: {host: s}}", {"source"}),
        # What is said for a port counts for a destination that names it.
        (FOR_PORT, "{destination: {host: s}}", {""}),
        (FOR_PORT, "{destination: {host: s, port: {number: 80}}}", {"source"}),
        # The hashes of all destinations are one; a destination without any goes for itself.
        (
            "{tls: {mode: ISTIO_MUTUAL}}",
            "{destination: {host: s, subset: a}, weight: 50}, {destination: {host: s, subset: b}, weight: 50}",
            {"header x-user and source"},
        ),
        (
            "{tls: {mode: ISTIO_MUTUAL}}",
            "{destination: {host: s, subset: a}, weight: 50}, {destination: {host: s, subset: c}, weight: 50}",
            {"header x-user", ""},
        ),
    ],
)
def test_hashes_of_a_route(policy, destinations, kept):
    route = resource("VirtualService", "ist/v", f"{{hosts: [s], http: [{{route: [{destinations}]}}]}}")
    state = world(rule(policy, subsets=SUBSETS), route)
    assert affinity(send(state, "ist/client", URL, x_user="ada")) == kept


def test_a_kept_request_is_sent_again_to_the_same_pod():
    failing = (
        "{http: [{route: [{destination: {host: s}}], retries: {attempts: 1, retryOn: 5xx%s}}], hosts: [s]}"
    )
    url = "http://s.ist/status/500"
    image = {"containers": [{"name": "c", "image": "mccutchen/go-httpbin"}]}
    labels = {"labels": {"app": "d", "svc": "s"}}
    for more, alone in (("", True), (", retryIgnorePreviousHosts: true", False)):
        route = resource("VirtualService", "ist/v", failing % more)
        bin_ = deployment("ist/d", image, labels)
        state = world(hashed("{useSourceIp: true}"), route, bin_)
        _, numbers = arrivals(state, Request(Workload("ist", "client"), url))
        share = Fraction(1, 4)
        assert dict(numbers or ())[Workload("ist", "d")] == (2 * share if alone else share)


@pytest.mark.parametrize(
    ("service", "kept"),
    [
        ({}, "connection"),
        ({"sessionAffinity": "ClientIP"}, "source for 10800 s"),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}}},
            "source for 60 s",
        ),
    ],
)
def test_kube_proxy_keeps_connections_or_clients(service, kept):
    state = world(service=service)
    assert affinity(send(state, "bare/client", URL)) == {kept}
    assert affinity(send(state, "ist/client", URL)) == affinity(send(state, "lnk/client", URL)) == {""}


def shares(outcomes) -> dict[str, Fraction]:
    return {key.rpartition("/")[2]: share for key, share in told(outcomes).items()}


EVEN = dict.fromkeys("abc", Fraction(1, 3))
OUTLIERS = "outlierDetection: {consecutive5xxErrors: 5}"


def located(setting: str, more: str = OUTLIERS):
    return rule(f"{{loadBalancer: {{localityLbSetting: {setting}}}, {more}}}")


# the rule and what the Service says; the shares that Istio's client in eu/a gives
ZONES = [
    ([located("{}")], {}, {"a": 1}),
    ([rule(f"{{{OUTLIERS}}}")], {}, {"a": 1}),  # the mesh's default needs no more
    ([rule("{outlierDetection: {}}")], {}, {"a": 1}),
    ([located("{}", "tls: {mode: ISTIO_MUTUAL}")], {}, EVEN),
    ([located("{enabled: false}")], {}, EVEN),
    ([located("{failoverPriority: [topology.kubernetes.io/region]}")], {}, {"a": "1/2", "b": "1/2"}),
    ([located("{failoverPriority: [tier=c]}")], {}, {"c": 1}),
    (
        [located("{distribute: [{from: eu/a/*, to: {eu/*: 60, us/*: 40}}]}", "")],
        {},
        {"a": ".3", "b": ".3", "c": ".4"},
    ),
    ([located("{distribute: [{from: eu/a/*, to: {us/*: 100}}]}", "")], {}, {"c": 1}),
    ([located("{distribute: [{from: us/*, to: {us/*: 100}}]}", "")], {}, EVEN),
    ([], {"trafficDistribution": "PreferClose"}, {"a": 1}),
    ([located("{enabled: false}")], {"trafficDistribution": "PreferClose"}, EVEN),
    ([], {"internalTrafficPolicy": "Local"}, {"a": 1}),
]


@pytest.mark.parametrize(("rules", "service", "expected"), ZONES)
def test_zones_of_a_client_with_a_sidecar(rules, service, expected):
    outcomes = send(world(*rules, service=service), "ist/client", URL)
    assert shares(outcomes) == {name: Fraction(share) for name, share in expected.items()}


NEAR, FAR = "203.0.113.1", "203.0.113.2"
LABEL = "topology.istio.io/locality"


@pytest.mark.parametrize(
    ("endpoint", "preferred"),
    [
        ({"locality": "eu/a"}, True),
        ({"labels": {LABEL: "eu.a"}}, True),
        ({"locality": "us/a", "labels": {LABEL: "eu.a"}}, False),  # the field comes before the label
        ({"locality": "eu/a", "labels": {LABEL: "us.a"}}, True),
        ({"labels": {LABEL: "", "istio-locality": "eu.a"}}, False),  # the new label, even without a value
    ],
)
def test_where_an_entry_has_an_endpoint(endpoint, preferred):
    spec = {
        "hosts": ["ext.acme.com"],
        "resolution": "STATIC",
        "ports": [{"number": 80, "name": "http", "protocol": "HTTP"}],
        "endpoints": [{"address": NEAR, **endpoint}, {"address": FAR, "locality": "us/a"}],
    }
    zones = resource("DestinationRule", "ist/ext", f"{{host: ext.acme.com, trafficPolicy: {{{OUTLIERS}}}}}")
    answers = told(
        send(world(resource("ServiceEntry", "ist/ext", spec), zones), "ist/client", "http://ext.acme.com/")
    )
    assert answers.get(f"left the cluster to {NEAR}:80") == (1 if preferred else Fraction(1, 2))


def test_no_endpoint_in_any_zone_of_a_distribution():
    state = world(located("{distribute: [{from: eu/a/*, to: {asia/*: 100}}]}", ""))
    assert told(send(state, "ist/client", URL)) == {"503": 1}


@pytest.mark.parametrize("source", ["lnk/client", "bare/client"])
@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({}, EVEN),
        ({"trafficDistribution": "PreferSameZone"}, {"a": Fraction(1, 2), "c": Fraction(1, 2)}),
        ({"internalTrafficPolicy": "Local"}, {"a": 1}),
    ],
)
def test_zones_of_other_clients(source, service, expected):
    assert shares(send(world(service=service), source, URL)) == expected


def test_the_nodes_hint_is_kube_proxys_alone():
    state = world(service={"trafficDistribution": "PreferSameNode"})
    assert shares(send(state, "bare/client", URL)) == {"a": 1}
    assert shares(send(state, "lnk/client", URL)) == {"a": Fraction(1, 2), "c": Fraction(1, 2)}
    assert shares(send(state, "ist/client", URL)) == {"a": 1}


def test_where_zones_are_unknown_the_shares_are_left_open():
    distributed = located("{distribute: [{from: eu/a/*, to: {us/*: 100}}]}", "")
    outcomes = send(world(distributed, known=False), "ist/client", URL)
    assert shares(outcomes) == EVEN
    assert {group.outcome.series.zones for group in outcomes.groups} == {"eu/a/* to us/* 100"}
    preferring = world(service={"trafficDistribution": "PreferClose"}, known=False)
    for source in ("ist/client", "lnk/client", "bare/client"):
        outcomes = send(preferring, source, URL)
        assert {group.outcome.series.zones for group in outcomes.groups} == {"PreferClose"}


def test_which_pods_are_on_the_clients_node_must_be_known():
    state = world(service={"internalTrafficPolicy": "Local"}, known=False)
    for source in ("ist/client", "lnk/client", "bare/client"):
        with pytest.raises(NotModelledError, match="internalTrafficPolicy isn't modelled"):
            send(state, source, URL)


def limit(spec: str):
    target = "{group: policy.linkerd.io, kind: Server, name: s}"
    return resource("HTTPLocalRateLimitPolicy", "lnk/s", f"{{targetRef: {target}, {spec}}}", POLICY)


@pytest.mark.parametrize(
    ("spec", "source", "rates"),
    [
        ("total: {requestsPerSecond: 100}", "lnk/client", ["100 a second of all clients together"]),
        (
            "total: {requestsPerSecond: 100}, identity: {requestsPerSecond: 5}",
            "bare/client",
            ["100 a second of all clients together", "5 a second of each identity (the unmeshed as one)"],
        ),
        (
            "identity: {requestsPerSecond: 5}, overrides: [{requestsPerSecond: 9, clientRefs: "
            "[{kind: ServiceAccount, name: default, namespace: lnk}]}]",
            "lnk/client",
            ["9 a second of lnk/default together"],
        ),
    ],
)
def test_rates_that_a_request_counts_for(spec, source, rates):
    server = "{podSelector: {matchLabels: {svc: s}}, port: 8080, accessPolicy: all-unauthenticated}"
    own = resource("Service", "lnk/s", SERVICE)
    objects = [pods("lnk/d"), own, resource("Server", "lnk/s", server), limit(spec)]
    outcomes = send(world(*objects), source, "http://s.lnk/")
    assert [str(rate) for rate in outcomes.groups[0].outcome.series.rates] == rates


@pytest.mark.parametrize("namespace", ["ist", "lnk"])
def test_no_mesh_reads_the_gateway_apis_sessions(namespace):
    own = [pods(f"{namespace}/d"), resource("Service", f"{namespace}/s", SERVICE)]
    parent, session = "{kind: Service, name: s, group: ''}", "{sessionName: sid, type: Cookie}"
    spec = f"{{parentRefs: [{parent}], rules: [{{sessionPersistence: {session}, backendRefs: [{{name: s, port: 80}}]}}]}}"
    state = world(*own[:: 1 if namespace == "lnk" else -2], resource("HTTPRoute", f"{namespace}/r", spec))
    outcomes = send(state, f"{namespace}/client", f"http://s.{namespace}/", cookie="sid=1")
    assert affinity(outcomes) == {""}
    assert any("isn't read by" in reason.text for group in outcomes.groups for reason in group.trace)


def failing(detection: str, *zones: str):
    """Pods of a Service, each in a zone, that answer as they are asked to, under outlier detection."""
    labels = [{"topology.istio.io/locality": zone} if zone else {} for zone in zones]
    bins = [
        deployment(
            f"ist/bin{number}",
            {"containers": [{"name": "c", "image": "mccutchen/go-httpbin"}]},
            {"labels": {"app": f"bin{number}", "svc": "s", **own}},
        )
        for number, own in enumerate(labels)
    ]
    containers = {"containers": [{"name": "c", "image": "x/client"}]}
    caller = deployment("ist/client", containers, {"labels": {"app": "client", **labels[0]}})
    once = resource("VirtualService", "ist/v", ONCE)
    own = rule(f"{{outlierDetection: {detection}}}")
    return changes.apply(cluster(ISTIO), [*bins, caller, resource("Service", "ist/s", SERVICE), once, own])


ONCE = "{http: [{route: [{destination: {host: s}}], retries: {attempts: 0}}], hosts: [s]}"


@pytest.mark.parametrize(
    ("path", "count", "detection", "seen"),
    [
        # all pods fail alike: of two one stays, as one is a tenth and more of all
        ("/status/500", 2, "{}", {"500": (1, 1)}),
        ("/status/500", 2, "{maxEjectionPercent: 100}", {"500": (0, 1), "503": (0, 1)}),
        ("/status/500", 1, "{}", {"500": (0, 1), "503": (0, 1)}),
        ("/status/200", 1, "{}", {"200": (1, 1)}),
        ("/status/500", 1, "{consecutive5xxErrors: 0}", {"500": (1, 1)}),
    ],
)
def test_outlier_detection_bounds_what_fails(path, count, detection, seen):
    classes = send(failing(detection, *[""] * count), "ist/client", f"http://s.ist{path}").classes(
        lambda outcome: str(outcome.status)
    )
    assert {status: bounds(share) for status, share in classes.items()} == seen


def test_pods_of_farther_zones_answer_while_the_near_ones_are_out():
    state = failing("{maxEjectionPercent: 100}", "eu.a", "us.a")
    classes = send(state, "ist/client", "http://s.ist/status/500").classes(
        lambda outcome: str(outcome.backend)
    )
    assert {name: bounds(share) for name, share in classes.items()} == {
        "ist/bin0": (0, 1),
        "ist/bin1": (0, 1),
        "None": (0, 1),
    }
    well = send(state, "ist/client", "http://s.ist/status/200").classes(lambda outcome: str(outcome.backend))
    assert well == {"ist/bin0": 1}

"""TLS of the client's own, bare connections, and ports that aren't HTTP's: clients without proxy and Istio's."""

from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told


def shop(namespace, name, *ports, image="shop/tls:1", named="https", args=()):
    """A workload, of an unknown image by default, and a Service whose ports (`name:number`) lead to its port 8443."""
    said = [{"name": named, "containerPort": 8443}] if named else []
    split = [port.split(":") for port in ports]
    listed = [{"name": word, "port": int(number), "targetPort": 8443} for word, number in split]
    container = {"name": name, "image": image, "ports": said, "args": list(args)}
    return [
        deployment(f"{namespace}/{name}", {"containers": [container]}),
        resource("Service", f"{namespace}/{name}", {"selector": {"app": name}, "ports": listed}),
    ]


WORLD = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *shop("ist", "safe", "https:443", "tcp:9000", "web:8000"),
        *shop("ist", "canary", "https:443", "tcp:9000"),
        *shop("bare", "outside", "https:443", "tcp:9000"),
        *shop("ist", "speaking", "http:443"),
        *shop("bare", "echo-tls", "https:443", image="istio/app:1.31", args=["--port=8443", "--tls=8443"]),
        *shop("bare", "echo-plain", "https:443", image="istio/app:1.31", args=["--port=8443", "--tls=8444"]),
        *app("ist/echo", "l5d/echo:v1", 8080),
        resource(
            "Service",
            "ist/db",
            "{selector: {app: echo}, ports: [{name: tcp, port: 80, targetPort: 8080}, "
            "{name: https, port: 443, targetPort: 8080}, {name: web, port: 81, targetPort: 8080}]}",
        ),
        resource("Service", "ist/empty", "{selector: {app: none}, ports: [{name: tcp, port: 80}]}"),
    ],
)
TLS, CLOSED, RESET = "TLS handshake failed (curl 35)", "empty reply (curl 52)", "connection reset (curl 56)"


def asked(url, *objects, source="ist/client"):
    return send(changes.apply(WORLD, objects), source, url)


def only(outcomes):
    (group,) = outcomes.groups
    return group


@pytest.mark.parametrize(
    ("source", "url", "told_"),
    [
        # TLS that the application ends itself.
        ("bare/client", "https://outside/", "200 from bare/outside"),
        ("bare/client", "https://safe.ist/", "200 from ist/safe"),
        ("ist/client", "https://safe/", "200 from ist/safe"),
        ("ist/client", "https://safe:9000/", "200 from ist/safe"),
        ("ist/client", "https://safe:8000/", "200 from ist/safe"),
        ("ist/client", "https://outside.bare/", "200 from bare/outside"),
        ("bare/client", "https://echo-tls/", "200 from bare/echo-tls"),
        # The application speaks plain HTTP.
        ("bare/client", "https://echo-plain/", TLS),
        ("ist/client", "https://db:443/", TLS),
        ("bare/client", "https://db.ist:443/", TLS),
        # The port says HTTP: the server's sidecar reads nothing else.
        ("ist/client", "https://speaking/", TLS),
        ("bare/client", "https://speaking.ist/", TLS),
        ("ist/client", "tcp://speaking:443", CLOSED),
        # Bare connections.
        ("bare/client", "tcp://outside:9000", "connected to bare/outside"),
        ("ist/client", "tcp://safe:9000", "connected to ist/safe"),
        ("ist/client", "tcp://safe:443", "connected to ist/safe"),
        ("ist/client", "tcp://safe:8000", "connected to ist/safe"),
        # The sidecar takes a connection before it finds nobody behind it.
        ("bare/client", "tcp://empty.ist:80", "connection refused (curl 7)"),
        ("ist/client", "tcp://empty:80", CLOSED),
        ("ist/client", "tcp://safe:9999", "timed out (curl 28)"),
        # HTTP to ports that aren't HTTP's: bytes, and still answered.
        ("ist/client", "http://db/", "200 from ist/echo"),
        ("ist/client", "http://db:443/", "200 from ist/echo"),
        ("ist/client", "http://db:81/", "200 from ist/echo"),
        ("bare/client", "http://db.ist/", "200 from ist/echo"),
    ],
)
def test_connection(source, url, told_):
    assert told(asked(url, source=source)) == {told_: 1}


@pytest.mark.parametrize(
    ("source", "url", "mutual"),
    [
        ("bare/client", "https://safe.ist/", False),
        ("ist/client", "https://safe/", True),
        ("ist/client", "tcp://safe:9000", True),
        ("ist/client", "https://outside.bare/", False),
        ("ist/client", "http://db/", True),
    ],
)
def test_the_meshs_mutual_tls_goes_around_it(source, url, mutual):
    assert only(asked(url, source=source)).outcome.hop.mutual is mutual


def test_nothing_of_http_is_added_on_a_port_for_bytes():
    saw = only(asked("http://db/")).outcome.server_saw
    assert [name for name, _ in saw.headers] == []


STRICT = resource("PeerAuthentication", "ist/strict", "{mtls: {mode: STRICT}}")


@pytest.mark.parametrize(
    ("source", "url", "told_"),
    [
        ("bare/client", "https://safe.ist/", TLS),
        ("bare/client", "tcp://safe.ist:9000", RESET),
        ("ist/client", "https://safe/", "200 from ist/safe"),
        ("ist/client", "tcp://safe:9000", "connected to ist/safe"),
        ("ist/client", "http://db/", "200 from ist/echo"),
    ],
)
def test_strict(source, url, told_):
    assert told(asked(url, STRICT, source=source)) == {told_: 1}


def policy(action, rules):
    return resource(
        "AuthorizationPolicy", "ist/p", f"{{action: {action}, rules: {rules}}}", "security.istio.io/v1"
    )


CLIENT = "{source: {principals: [cluster.local/ns/ist/sa/default]}}"


@pytest.mark.parametrize(
    ("action", "rules", "url", "told_"),
    [
        ("ALLOW", f"[{{from: [{CLIENT}]}}]", "tcp://safe:9000", "connected to ist/safe"),
        ("ALLOW", "[{from: [{source: {namespaces: [bare]}}]}]", "tcp://safe:9000", CLOSED),
        ("ALLOW", "[{from: [{source: {namespaces: [bare]}}]}]", "https://safe/", TLS),
        ("ALLOW", f"[{{from: [{CLIENT}], to: [{{operation: {{methods: [GET]}}}}]}}]", "tcp://safe:9000", CLOSED),
        ("ALLOW", "[{to: [{operation: {methods: [GET]}}]}]", "http://db/", CLOSED),
        ("ALLOW", "[{to: [{operation: {ports: ['8443']}}]}]", "tcp://safe:9000", "connected to ist/safe"),
        ("DENY", "[{to: [{operation: {ports: ['8443']}}]}]", "tcp://safe:9000", CLOSED),
        # Without its HTTP fields the rule denies more.
        ("DENY", "[{to: [{operation: {methods: [POST], ports: ['8443']}}]}]", "tcp://safe:9000", CLOSED),
    ],
)  # fmt: skip
def test_policies_decide_on_connections(action, rules, url, told_):
    assert told(asked(url, policy(action, rules))) == {told_: 1}


def rules(kind, *parts, hosts="[safe]", name="ist/v", more=""):
    return resource("VirtualService", name, f"{{hosts: {hosts}, {kind}: [{', '.join(parts)}]{more}}}")


def to(*weighted, match=""):
    routes = ", ".join(
        f"{{destination: {{host: {name}}}" + (f", weight: {weight}}}" if weight else "}")
        for name, weight in weighted
    )
    return f"{{{match}{', ' if match else ''}route: [{routes}]}}"


CANARY = ("canary", 0)
ON_SAFE, ON_CANARY = "200 from ist/safe", "200 from ist/canary"


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        ([rules("tls", to(CANARY, match="match: [{sniHosts: [safe]}]"))], "https://safe/", {ON_CANARY: 1}),
        ([rules("tls", to(CANARY, match="match: [{port: 443, sniHosts: [safe]}]"))], "https://safe/", {ON_CANARY: 1}),
        ([rules("tls", to(CANARY, match="match: [{port: 444, sniHosts: [safe]}]"))], "https://safe/", {ON_SAFE: 1}),
        # The name that the client asks for is compared as it is written: another name of the same Service passes through.
        ([rules("tls", to(CANARY, match="match: [{sniHosts: [safe]}]"))], "https://safe.ist/", {ON_SAFE: 1}),
        (
            [
                rules(
                    "tls",
                    to(CANARY, match="match: [{sniHosts: ['*.svc.cluster.local']}]"),
                    to(("safe", 0), match="match: [{sniHosts: [safe.ist.svc.cluster.local]}]"),
                    hosts="['*.svc.cluster.local']",
                )
            ],
            "https://safe.ist.svc.cluster.local/",
            {ON_SAFE: 1},
        ),
        ([rules("tls", to(CANARY, match="match: [{sniHosts: [safe], sourceLabels: {app: x}}]"))], "https://safe/",
         {ON_SAFE: 1}),
        ([rules("tls", to(CANARY, match="match: [{sniHosts: [safe], gateways: [g]}]"))], "https://safe/", {ON_SAFE: 1}),
        ([rules("tls", to(("safe", 1), ("canary", 3), match="match: [{sniHosts: [safe]}]"))], "https://safe/",
         {ON_SAFE: "1/4", ON_CANARY: "3/4"}),
        ([rules("tls", to(("gone", 0), match="match: [{sniHosts: [safe]}]"))], "https://safe/", {TLS: 1}),
        # tls rules are for ports that say TLS, tcp rules for the others.
        ([rules("tls", to(CANARY, match="match: [{sniHosts: [safe]}]"))], "https://safe:9000/", {ON_SAFE: 1}),
        ([rules("tcp", to(CANARY))], "https://safe/", {ON_SAFE: 1}),
        ([rules("tcp", to(CANARY))], "https://safe:9000/", {ON_CANARY: 1}),
        ([rules("tcp", to(CANARY))], "tcp://safe:9000", {"connected to ist/canary": 1}),
        ([rules("tcp", to(CANARY, match="match: [{port: 9000}]"))], "tcp://safe:9000", {"connected to ist/canary": 1}),
        ([rules("tcp", to(CANARY, match="match: [{port: 9001}]"))], "tcp://safe:9000", {"connected to ist/safe": 1}),
        ([rules("tcp", to(CANARY, match="match: [{sourceNamespace: other}]"))], "tcp://safe:9000",
         {"connected to ist/safe": 1}),
        ([rules("tcp", to(("safe", 9), ("canary", 1)))], "tcp://safe:9000",
         {"connected to ist/safe": "9/10", "connected to ist/canary": "1/10"}),
        ([rules("tcp", to(CANARY, match="match: [{destinationSubnets: [10.0.0.0/8]}, {port: 9000}]"))], "tcp://canary:9000",
         {"connected to ist/canary": 1}),
        ([rules("tcp", to(CANARY, match="match: [{destinationSubnets: [192.168.0.0/16]}]"))], "tcp://safe:9000",
         {"connected to ist/safe": 1}),
        ([rules("tcp", to(CANARY, match="match: [{destinationSubnets: [0.0.0.0/0]}]"))], "tcp://safe:9000",
         {"connected to ist/canary": 1}),
        ([rules("tcp", to(("gone", 0)))], "tcp://safe:9000", {CLOSED: 1}),
        # http rules aren't for bytes.
        ([rules("http", to(CANARY))], "tcp://safe:9000", {"connected to ist/safe": 1}),
        ([rules("tcp", to(CANARY), more=", exportTo: [bare]")], "tcp://safe:9000", {"connected to ist/safe": 1}),
        # Several VirtualServices: the first rule of all of them that fits.
        (
            [rules("tcp", to(CANARY, match="match: [{port: 1}]")), rules("tcp", to(CANARY), name="ist/w")],
            "tcp://safe:9000",
            {"connected to ist/canary": 1},
        ),
    ],
)  # fmt: skip
def test_rules_for_connections(objects, url, told_):
    seen = told(asked(url, *objects))
    assert {key: str(share) for key, share in seen.items()} == {
        key: str(share) for key, share in told_.items()
    }


def test_rules_are_for_clients_with_a_sidecar():
    outcomes = asked("tcp://safe.ist:9000", rules("tcp", to(CANARY)), source="bare/client")
    assert told(outcomes) == {"connected to ist/safe": 1}


def test_the_rule_is_told():
    (group,) = asked("https://safe/", rules("tls", to(CANARY, match="match: [{sniHosts: [safe]}]"))).groups
    assert ("VirtualService ist/v", "spec.tls[0].match[0]", "is for SNI safe") in [
        (reason.subject, reason.field, reason.text) for reason in group.trace
    ]


def test_a_network_that_may_hold_the_service_is_not_modelled():
    narrow = rules("tcp", to(CANARY, match="match: [{destinationSubnets: [10.96.0.0/24]}]"))
    with pytest.raises(NotModelledError, match=r"spec.tcp\[0\].match\[0\].destinationSubnets"):
        asked("tcp://safe:9000", narrow)


def test_an_application_of_which_nothing_says_whether_it_speaks_tls():
    objects = shop("bare", "mystery", "web:443", named="")
    with pytest.raises(NotModelledError, match="whether bare/mystery speaks TLS on port 8443 isn't known"):
        asked("https://mystery/", *objects, source="bare/client")


@pytest.mark.parametrize(
    ("mode", "url", "told_"),
    [("DISABLE", "https://safe/", ON_SAFE), ("DISABLE", "tcp://safe:9000", "connected to ist/safe")],
)
def test_destination_rules_count_for_connections(mode, url, told_):
    rule = resource("DestinationRule", "ist/d", f"{{host: safe, trafficPolicy: {{tls: {{mode: {mode}}}}}}}")
    group = only(asked(url, rule))
    assert (str(group.outcome), group.outcome.hop.mutual) == (told_, False)


def test_registry_only_holds_back_what_no_rule_takes():
    mesh = resource("ConfigMap", "istio-system/istio")
    mesh.data["data"] = {"mesh": "outboundTrafficPolicy: {mode: REGISTRY_ONLY}"}
    rule = rules("tls", to(CANARY, match="match: [{sniHosts: [safe]}]"))
    assert told(asked("https://safe.ist/", mesh, rule)) == {TLS: 1}
    assert told(asked("https://safe/", mesh, rule)) == {ON_CANARY: 1}

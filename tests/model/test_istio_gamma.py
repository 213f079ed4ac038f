"""What Istio makes of routes on a Service beyond what the Gateway API asks of every mesh."""

from __future__ import annotations

import pytest

from harness.base.errors import NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

WORLD = changes.apply(
    cluster(ISTIO),
    [
        *app("ist/client", "curlimages/curl"),
        *app("bare/web", "l5d/echo:v1", 8080),
        *app("bare/v1", "l5d/echo:v1", 8080),
        *app("bare/v2", "l5d/echo:v1", 8080),
        *app("bare/db", "unknown/database"),
        *app("bare/db2", "unknown/database"),
        resource("Service", "bare/db", "{selector: {app: db}, ports: [{name: tcp, port: 5432}]}"),
        resource("Service", "bare/db2", "{selector: {app: db2}, ports: [{name: tcp, port: 5432}]}"),
        resource("Service", "bare/safe", "{selector: {app: db}, ports: [{name: tls, port: 443}]}"),
        resource("Service", "bare/safe2", "{selector: {app: db2}, ports: [{name: tls, port: 443}]}"),
    ],
)
V1, V2 = "backendRefs: [{name: v1, port: 80}]", "backendRefs: [{name: v2, port: 80}]"
TO_WEB, TO_V1, TO_V2 = ({f"200 from bare/{name}": 1} for name in ("web", "v1", "v2"))


def route(rules, name="bare/r", parent="name: web", kind="HTTPRoute", **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    spec = (
        f"{{parentRefs: [{{kind: Service, group: '', namespace: bare, {parent}}}], rules: [{rules}]{rest}}}"
    )
    return resource(kind, name, spec, api="gateway.networking.k8s.io/v1")


def ask(state, url="http://web.bare/"):
    return told(send(state, "ist/client", url))


@pytest.mark.parametrize(
    "rules",
    [
        f"{{filters: [{{type: ExtensionRef, extensionRef: {{group: a.b, kind: C, name: d}}}}], {V1}}}",
        "{backendRefs: [{name: v1, port: 80, filters: [{type: URLRewrite, urlRewrite: {hostname: a.b}}]}]}",
        "{backendRefs: [{name: v1.bare, port: 80}]}",
        "{backendRefs: [{group: networking.istio.io, kind: Hostname, name: a.b, namespace: bare, port: 80}]}",
        "{backendRefs: [{group: networking.istio.io, kind: Hostname, name: a.b}]}",
        f"{{matches: [{{path: {{value: /x}}}}], backendRefs: [{{name: v1.bare, port: 80}}]}}, {{{V1}}}",
    ],
)
def test_what_istio_cannot_convert_voids_the_whole_route(rules):
    state = changes.apply(WORLD, [route(rules)])
    (group,) = send(state, "ist/client", "http://web.bare/").groups
    assert str(group.outcome) == "200 from bare/web"
    assert any(one.passed_over and one.text.endswith("the route is ignored") for one in group.trace)


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ("{backendRefs: [{name: v1, kind: Thing, group: a.b}]}", {"500": 1}),
        (f"{{backendRefs: [{{name: v1, kind: Thing, group: a.b, weight: 0}}, {V1[14:-1]}]}}", TO_V1),
        (
            f"{{backendRefs: [{{name: v1, kind: Thing, group: a.b, weight: 3}}, {V1[14:-1]}]}}",
            {"500": 0.75, "200 from bare/v1": 0.25},
        ),
        (
            "{backendRefs: [{group: networking.istio.io, kind: Hostname, "
            "name: v1.bare.svc.cluster.local, port: 80}]}",
            TO_V1,
        ),
        (
            "{backendRefs: [{group: networking.istio.io, kind: Hostname, name: no.where, port: 80}]}",
            {"500": 1},
        ),
        ("{backendRefs: [{name: v1, port: 80, group: ''}]}", TO_V1),
    ],
)
def test_kinds_of_backends(rules, wanted):
    assert ask(changes.apply(WORLD, [route(rules)])) == wanted


def test_a_grpc_route_that_mirrors_to_nowhere_is_void():
    mirror = "filters: [{type: RequestMirror, requestMirror: {backendRef: {name: ghost, port: 80}}}]"
    rule = f"{{{mirror}, {V1}}}"
    assert ask(changes.apply(WORLD, [route(rule)])) == TO_V1
    assert ask(changes.apply(WORLD, [route(rule, kind="GRPCRoute")])) == TO_WEB


def test_routes_for_one_port_are_not_merged_with_those_for_all():
    one, all_ports = route(f"{{{V1}}}", "bare/one", "name: web, port: 80"), route(f"{{{V2}}}", "bare/all")
    assert ask(changes.apply(changes.apply(WORLD, [one]), [all_ports])) == TO_V1
    assert ask(changes.apply(changes.apply(WORLD, [all_ports]), [one])) == TO_V2
    assert ask(changes.apply(WORLD, [all_ports, one])) == TO_V1
    exact = route(f"{{matches: [{{path: {{type: Exact, value: /x}}}}], {V2}}}", "bare/exact")
    # Merged, the exact path would come first; it is in the set that doesn't count.
    assert ask(changes.apply(changes.apply(WORLD, [one]), [exact]), "http://web.bare/x") == TO_V1


def test_a_route_on_a_service_entry():
    entry = resource(
        "ServiceEntry",
        "ist/outside",
        "{hosts: [api.example.com], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}",
    )
    spec = (
        "{parentRefs: [{kind: ServiceEntry, group: networking.istio.io, name: outside}], "
        "rules: [{matches: [{path: {value: /in}}], backendRefs: [{name: v1, namespace: bare, port: 80}]}, "
        "{backendRefs: [{group: networking.istio.io, kind: Hostname, name: api.example.com, port: 80}]}]}"
    )
    state = changes.apply(WORLD, [entry, resource("HTTPRoute", "ist/r", spec)])
    assert ask(state, "http://api.example.com/in") == TO_V1
    assert "left the cluster to api.example.com:80" in str(ask(state, "http://api.example.com/out"))


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        ("{backendRefs: [{name: db2, port: 5432}]}", {"connected to bare/db2": 1}),
        (
            "{backendRefs: [{name: db, port: 5432}, {name: db2, port: 5432, weight: 3}]}",
            {"connected to bare/db": 0.25, "connected to bare/db2": 0.75},
        ),
        ("{backendRefs: [{name: db, port: 5432, weight: 0}]}", {"empty reply (curl 52)": 1}),
        ("{backendRefs: [{name: ghost, port: 5432}]}", {"empty reply (curl 52)": 1}),
    ],
)
def test_tcp_routes(rules, wanted):
    assert ask(WORLD, "tcp://db.bare:5432") == {"connected to bare/db": 1}
    assert (
        ask(changes.apply(WORLD, [route(rules, parent="name: db", kind="TCPRoute")]), "tcp://db.bare:5432")
        == wanted
    )


@pytest.mark.parametrize(
    ("hosts", "name", "wanted"),
    [
        ("[safe.bare]", "safe.bare", "bare/db2"),
        ("[else.where]", "safe.bare", "bare/db"),
        ("[safe.bare.svc.cluster.local]", "safe.bare.svc.cluster.local", "bare/db2"),
    ],
)
def test_tls_routes(hosts, name, wanted):
    one = route(
        "{backendRefs: [{name: safe2, port: 443}]}", parent="name: safe", kind="TLSRoute", hostnames=hosts
    )
    (group,) = send(changes.apply(WORLD, [one]), "ist/client", f"https://{name}/").groups
    assert str(group.outcome.backend) == wanted


def test_envoys_variables_in_a_header_are_not_modelled():
    header = (
        "filters: [{type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: x-a, value: '%s'}]}}]"
    )
    literal, variable = (
        changes.apply(WORLD, [route(f"{{{V1}, {header % text}}}")]) for text in ("5%%", "%REQ(x)%")
    )
    (group,) = send(literal, "ist/client", "http://web.bare/").groups
    assert group.outcome.server_saw.header("x-a") == "5%"
    with pytest.raises(NotModelledError, match="x-a"):
        send(variable, "ist/client", "http://web.bare/")

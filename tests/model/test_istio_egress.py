"""ServiceEntry, outboundTrafficPolicy and MeshConfig: what a sidecar makes of hosts beside Services."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from harness.api.refusal import Refused
from harness.base.errors import InputError, NotModelledError
from harness.model import changes
from tests.model.clusters import ISTIO, app, cluster, resource, send, told

WORLD = changes.apply(
    changes.mark(cluster(ISTIO), "other", labels={"istio-injection": "enabled"}),
    [
        *app("ist/client", "curlimages/curl"),
        *app("other/client", "curlimages/curl"),
        *app("bare/client", "curlimages/curl"),
        *app("ist/v1", "l5d/echo:v1", 8080),
        *app("ist/v2", "l5d/echo:v1", 8080),
        *app("bare/plain", "l5d/echo:v1", 8080),
        *app("other/known", "l5d/echo:v1", 8080),
        resource(
            "Service",
            "other/sniffed",
            "{selector: {app: known}, ports: [{name: web, port: 81, targetPort: 8080}]}",
        ),
    ],
)


def mesh(text):
    made = resource("ConfigMap", "istio-system/istio")
    return replace(made, data={**made.data, "data": {"mesh": text}})


def entry(spec, name="ist/e"):
    return resource("ServiceEntry", name, spec)


def rules(host, destination, **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    spec = f"{{hosts: [{host}], http: [{{route: [{{destination: {{{destination}}}}}]{rest}}}]}}"
    return resource("VirtualService", "ist/v", spec)


def destination(host, policy, name="ist/d", **more):
    rest = "".join(f", {key}: {value}" for key, value in more.items())
    return resource("DestinationRule", name, f"{{host: {host}, trafficPolicy: {policy}{rest}}}")


ONLY = mesh("outboundTrafficPolicy: {mode: REGISTRY_ONLY}")
HTTP = "ports: [{number: 80, name: http, protocol: HTTP}]"
DNS = f"{{hosts: [api.acme.com], {HTTP}, location: MESH_EXTERNAL, resolution: DNS}}"
NONE = f"{{hosts: [api.acme.com], {HTTP}}}"
TO_API = "host: api.acme.com"


def by_address(*ports):
    """A ServiceEntry for a Service's host whose ports are `(number, targetPort)`."""
    listed = [
        {"number": number, "name": f"http-{number}", "protocol": "HTTP", **({"targetPort": at} if at else {})}
        for number, at in ports
    ]
    return entry({"hosts": ["plain.bare.svc.cluster.local"], "ports": listed})


def out(place, how=""):
    return {f"left the cluster to {place}" + (f" ({how})" if how else ""): 1}


V1, V2 = {"200 from ist/v1": 1}, {"200 from ist/v2": 1}
PLAIN = {"200 from bare/plain": 1}
RESOLVE = {"could not resolve host (curl 6)": 1}
RESET = {"connection reset (curl 56)": 1}


@pytest.mark.parametrize("client", ["ist/client", "bare/client"])
@pytest.mark.parametrize(
    ("url", "told_"),
    [
        ("http://api.acme.com/", out("api.acme.com:80")),
        ("http://api.acme.com:8443/x", out("api.acme.com:8443")),
        ("http://198.51.100.7/", out("198.51.100.7:80")),
        ("http://[2001:db8::1]:8080/", out("[2001:db8::1]:8080")),
        ("grpc://api.acme.com/S/M", out("api.acme.com:80")),
        ("http://foo.example/", RESOLVE),
        ("http://printer.local/", RESOLVE),
        ("http://nothing/", RESOLVE),
        ("http://v9.ist/", RESOLVE),
        ("http://v9.ist.svc/", RESOLVE),
        ("http://v9.ist.svc.cluster.local/", RESOLVE),
    ],
)
def test_names_elsewhere(client, url, told_):
    assert told(send(WORLD, client, url)) == told_


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        ([ONLY], "http://api.acme.com/", {"502": 1}),
        ([ONLY], "http://api.acme.com:9999/", RESET),
        ([ONLY], "http://v1/", V1),
        ([ONLY, entry(DNS)], "http://api.acme.com/", out("api.acme.com:80")),
        ([ONLY, entry(NONE)], "http://api.acme.com/", out("api.acme.com:80")),
        ([ONLY, entry(DNS)], "http://api.acme.com:9999/", RESET),
        ([ONLY, entry(DNS)], "http://www.acme.com/", {"502": 1}),
        (
            [ONLY, entry(NONE.replace("api.", "'*.").replace("com]", "com']"))],
            "http://www.acme.com/",
            out("www.acme.com:80"),
        ),
        (
            [ONLY, entry(DNS.replace("DNS}", "DNS, exportTo: ['.']}"))],
            "http://api.acme.com/",
            out("api.acme.com:80"),
        ),
        ([ONLY, entry(DNS.replace("DNS}", "DNS, exportTo: [other]}"))], "http://api.acme.com/", {"502": 1}),
        (
            [ONLY, entry(DNS.replace("DNS}", "DNS, exportTo: ['.']}"), "other/e")],
            "http://api.acme.com/",
            {"502": 1},
        ),
        (
            [entry(DNS.replace("HTTP}", "HTTP, targetPort: 8080}"))],
            "http://api.acme.com/",
            out("api.acme.com:8080"),
        ),
        (
            [
                ONLY,
                entry("{hosts: [api.acme.com], ports: [{number: 9000, name: auto}], resolution: DNS}"),
            ],
            "http://api.acme.com:9000/",
            out("api.acme.com:9000"),
        ),
        (
            [entry(DNS.replace("DNS}", "STATIC, endpoints: [{address: 198.51.100.1}]}"))],
            "http://api.acme.com/",
            out("198.51.100.1:80"),
        ),
        (
            [
                entry(
                    DNS.replace(
                        "DNS}",
                        "STATIC, endpoints: [{address: 198.51.100.1, weight: 3}, {address: 198.51.100.2, ports: {http: 81}}]}",
                    )
                )
            ],
            "http://api.acme.com/",
            {"left the cluster to 198.51.100.1:80": 3 / 4, "left the cluster to 198.51.100.2:81": 1 / 4},
        ),
        (
            [entry(DNS.replace("DNS}", "DNS, endpoints: [{address: eu.acme.com}]}"))],
            "http://api.acme.com/",
            out("eu.acme.com:80"),
        ),
        (
            [entry(DNS.replace("DNS}", "DNS, endpoints: [{address: v2.ist.svc.cluster.local}]}"))],
            "http://api.acme.com/",
            V2,
        ),
        (
            [entry(DNS.replace("DNS}", "DNS, endpoints: [{address: v9.ist.svc.cluster.local}]}"))],
            "http://api.acme.com/",
            {"503": 1},
        ),
        ([entry(DNS.replace("resolution: DNS}", "resolution: STATIC}"))], "http://api.acme.com/", {"503": 1}),
        # A port that is written counts even where it is the entry's own: a rule may lead there from another.
        (
            [
                by_address((8888, 0), (80, 80)),
                rules(
                    "plain.bare.svc.cluster.local", "host: plain.bare.svc.cluster.local, port: {number: 80}"
                ),
            ],
            "http://plain.bare:8888/",
            PLAIN,
        ),
        # It is one of the Service's whose address was dialled.
        (
            [by_address((8888, 80))],
            "http://plain.bare:8888/",
            PLAIN,
        ),
        (
            [by_address((8888, 81))],
            "http://plain.bare:8888/",
            {"503": 1},
        ),
    ],
)
def test_service_entries(objects, url, told_):
    assert told(send(changes.apply(WORLD, objects), "ist/client", url)) == told_


def test_a_client_without_proxy_goes_where_it_wants():
    assert told(send(changes.apply(WORLD, [ONLY]), "bare/client", "http://api.acme.com/")) == out(
        "api.acme.com:80"
    )


SPLIT = "route: [{destination: {host: api.acme.com}, weight: 80}, {destination: {host: v1}, weight: 20}]"
BOTH = "{hosts: [api.acme.com], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 443}, {number: 443, name: https, protocol: HTTPS}]}"
ORIGINATED = "with TLS by the client's proxy"
PODS = "{hosts: [pods.acme], location: %s, resolution: STATIC, workloadSelector: {labels: {app: v1}}, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}]}"
RELABELLED = resource(
    "WorkloadEntry", "ist/vm", "{address: 198.51.100.9, labels: {app: v1}}", labels={"app": "x"}
)
BESIDE = resource(
    "WorkloadEntry",
    "ist/vm",
    "{address: 198.51.100.9, labels: {app: v1}, ports: {http: 8000}}",
    labels={"at": "vm"},
)
VMS = resource("DestinationRule", "ist/d", "{host: v1, subsets: [{name: vm, labels: {at: vm}}]}")
VM = resource("WorkloadEntry", "ist/vm", "{address: 198.51.100.9, labels: {app: v1}, ports: {http: 8000}}")


@pytest.mark.parametrize(
    ("objects", "url", "told_"),
    [
        # Rules for hosts elsewhere: without a ServiceEntry they count on port 80 alone.
        ([rules("api.acme.com", "host: v2")], "http://api.acme.com/", V2),
        (
            [rules("api.acme.com", "host: v2, port: {number: 80}")],
            "http://api.acme.com:81/",
            out("api.acme.com:81"),
        ),
        (
            [
                rules("api.acme.com", "host: v2, port: {number: 80}"),
                entry(DNS.replace("number: 80", "number: 81")),
            ],
            "http://api.acme.com:81/",
            V2,
        ),
        (
            [
                rules("api.acme.com", "host: v2, port: {number: 80}"),
                entry(DNS.replace("number: 80", "number: 81").replace("api", "www")),
            ],
            "http://api.acme.com:81/",
            out("api.acme.com:81"),
        ),
        ([rules("v1", TO_API), entry(DNS)], "http://v1/", out("api.acme.com:80")),
        ([rules("v1", TO_API)], "http://v1/", {"503": 1}),
        (
            [rules("v1", TO_API), entry(DNS.replace("DNS}", "DNS, exportTo: ['.']}"), "other/e")],
            "http://v1/",
            {"503": 1},
        ),
        # What a rule names of the client's own namespace is known, to whomever it is exported.
        (
            [rules("v1", TO_API), entry(DNS.replace("DNS}", "DNS, exportTo: [other]}"))],
            "http://v1/",
            out("api.acme.com:80"),
        ),
        ([rules("v1", TO_API + ", port: {number: 444}"), entry(BOTH)], "http://v1/", {"503": 1}),
        (
            [resource("VirtualService", "ist/v", f"{{hosts: [v2], http: [{{{SPLIT}}}]}}"), entry(DNS)],
            "http://v2/",
            {"left the cluster to api.acme.com:80": Fraction(4, 5), "200 from ist/v1": Fraction(1, 5)},
        ),
        # Where the client dialled, whatever a rule names.
        ([rules("v1", TO_API), entry(NONE)], "http://v1/", V1),
        # TLS that the sidecar begins
        (
            [
                entry(BOTH),
                destination(
                    "api.acme.com", "{portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}"
                ),
            ],
            "http://api.acme.com/",
            out("api.acme.com:443", ORIGINATED),
        ),
        (
            [
                entry(BOTH),
                rules("api.acme.com", TO_API + ", port: {number: 443}"),
                destination("api.acme.com", "{tls: {mode: SIMPLE}}"),
            ],
            "http://api.acme.com/",
            out("api.acme.com:443", ORIGINATED),
        ),
        (
            [entry(DNS), destination("api.acme.com", "{tls: {mode: DISABLE}}")],
            "http://api.acme.com/",
            out("api.acme.com:80"),
        ),
        # A DestinationRule needs the host in the registry.
        (
            [destination("api.acme.com", "{tls: {mode: SIMPLE}}")],
            "http://api.acme.com/",
            out("api.acme.com:80"),
        ),
        # Workloads of the cluster and beside it, under a host of their own
        ([entry(PODS % "MESH_INTERNAL"), rules("v2", "host: pods.acme")], "http://v2/", V1),
        (
            [entry(PODS % "MESH_INTERNAL"), rules("v2", "host: pods.acme"), VM],
            "http://v2/",
            {"200 from ist/v1": 1 / 2, "left the cluster to 198.51.100.9:8000": 1 / 2},
        ),
        ([VM], "http://v1/", {"200 from ist/v1": 1 / 2, "left the cluster to 198.51.100.9:8000": 1 / 2}),
        # Its labels are those of the object, then the spec's: for selectors and for subsets, of a Service, too.
        ([RELABELLED], "http://v1/", V1),
        ([rules("v2", "host: v1, subset: vm"), BESIDE, VMS], "http://v2/", out("198.51.100.9:8000")),
        (
            [
                entry(DNS),
                entry(
                    DNS.replace("DNS}", "DNS, exportTo: ['*'], endpoints: [{address: eu.acme.com}]}"),
                    "other/e",
                ),
            ],
            "http://api.acme.com/",
            out("api.acme.com:80"),
        ),
        # The client's own TLS, and bare connections
        ([], "https://api.acme.com/", out("api.acme.com:443")),
        ([ONLY], "https://api.acme.com/", {"TLS handshake failed (curl 35)": 1}),
        ([ONLY, entry(BOTH)], "https://api.acme.com/", out("api.acme.com:443")),
        ([], "tcp://db.acme.com:5432", out("db.acme.com:5432")),
        ([ONLY], "tcp://db.acme.com:5432", RESET),
        (
            [
                ONLY,
                entry(
                    "{hosts: [db.acme.com], resolution: DNS, ports: [{number: 5432, name: tcp, protocol: TCP}]}"
                ),
            ],
            "tcp://db.acme.com:5432",
            out("db.acme.com:5432"),
        ),
        (
            [
                ONLY,
                entry(
                    "{hosts: [db.acme.com], resolution: DNS, ports: [{number: 9000, name: tcp, protocol: TCP}]}"
                ),
            ],
            "http://db.acme.com:9000/",
            out("db.acme.com:9000"),
        ),
    ],
)
def test_rules_and_endpoints(objects, url, told_):
    assert told(send(changes.apply(WORLD, objects), "ist/client", url)) == told_


@pytest.mark.parametrize(("location", "mutual"), [("MESH_INTERNAL", True), ("MESH_EXTERNAL", False)])
def test_mutual_tls_is_for_what_is_part_of_the_mesh(location, mutual):
    state = changes.apply(WORLD, [entry(PODS % location), rules("v2", "host: pods.acme")])
    (group,) = send(state, "ist/client", "http://v2/").groups
    assert group.outcome.hop is not None
    assert group.outcome.hop.mutual is mutual


def test_an_answer_that_needs_another_from_outside_is_not_known():
    faces = app(
        "ist/face", "ghcr.io/buoyantio/faces-face", 8000, SMILEY_SERVICE="api.acme.com", COLOR_SERVICE="v1"
    )
    with pytest.raises(NotModelledError, match=r"ist/face that depends on api\.acme\.com:80"):
        send(changes.apply(WORLD, faces), "ist/client", "http://face/cell/")


def test_subsets_of_service_entries():
    listed = "[{address: 198.51.100.1, labels: {zone: a}}, {address: 198.51.100.2, labels: {zone: b}}]"
    objects = [
        entry(f"{{hosts: [api.acme.com], {HTTP}, resolution: STATIC, endpoints: {listed}}}"),
        rules("api.acme.com", "host: api.acme.com, subset: b"),
        resource("DestinationRule", "ist/d", "{host: api.acme.com, subsets: [{name: b, labels: {zone: b}}]}"),
    ]
    assert told(send(changes.apply(WORLD, objects), "ist/client", "http://api.acme.com/")) == out(
        "198.51.100.2:80"
    )


def test_the_trace_names_policy_and_configuration():
    (group,) = send(changes.apply(WORLD, [ONLY]), "ist/client", "http://api.acme.com/").groups
    said = [(reason.subject, reason.field) for reason in group.trace]
    assert ("ConfigMap istio-system/istio", "data.mesh outboundTrafficPolicy.mode") in said


@pytest.mark.parametrize(
    ("objects", "what"),
    [
        ([mesh("rootNamespace: elsewhere")], "rootNamespace"),
        ([mesh("discoverySelectors: []")], "data.mesh discoverySelectors"),
        ([mesh("defaultConfig: {interceptionMode: TPROXY}")], "defaultConfig.interceptionMode"),
        ([entry(f"{{hosts: ['*.acme.com'], {HTTP}, resolution: DYNAMIC_DNS}}")], "spec.resolution"),
        (
            [entry(DNS.replace("DNS}", "STATIC, endpoints: [{address: 'unix:///a'}]}"))],
            "spec.endpoints[0].address",
        ),
        ([entry(DNS.replace("DNS}", "STATIC, endpoints: [{address: 10.244.9.9}]}"))], "address 10.244.9.9"),
    ],
)
def test_not_modelled(objects, what):
    with pytest.raises(NotModelledError) as caught:
        send(changes.apply(WORLD, objects), "ist/client", "http://api.acme.com/")
    assert what in str(caught.value)
    assert "isn't modelled" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[", "data.mesh isn't YAML"),
        ("[a]", "data.mesh isn't a mapping"),
        ("outboundTrafficPolicy: REGISTRY_ONLY", "data.mesh outboundTrafficPolicy must be a mapping"),
        ("defaultServiceExportTo: '*'", "data.mesh defaultServiceExportTo must be a list"),
    ],
)
def test_mesh_config_of_another_form(text, what):
    with pytest.raises(InputError) as caught:
        send(changes.apply(WORLD, [mesh(text)]), "ist/client", "http://v1/")
    assert f"ConfigMap istio-system/istio {what}" in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (f"{{hosts: [], {HTTP}}}", "should have at least 1 items"),
        (f"{{hosts: ['*'], {HTTP}}}", "hostname cannot be wildcard"),
        (f"{{hosts: [a.b], {HTTP}, endpoints: [{{address: 1.2.3.4}}]}}", "NONE mode cannot set endpoints"),
        (
            f"{{hosts: [a.b], {HTTP}, resolution: STATIC, endpoints: [{{address: a.b}}]}}",
            "is not a valid IP address",
        ),
        (f"{{hosts: ['*.b'], {HTTP}, resolution: DNS}}", "hosts must be FQDN"),
        (
            f"{{hosts: [a.b], {HTTP}, resolution: DNS, addresses: [10.0.0.0/8]}}",
            "CIDR addresses are allowed only",
        ),
        (
            "{hosts: [a.b, c.d], resolution: DNS, ports: [{number: 1, name: t, protocol: TCP}]}",
            "multiple hosts",
        ),
        ("{hosts: [a.b], ports: [{number: 1, name: t}, {number: 1, name: t}]}", "Duplicate value"),
        (
            f"{{hosts: [a.b], {HTTP}, resolution: STATIC, endpoints: [{{address: 1.2.3.4, ports: {{x: 1}}}}]}}",
            "is not defined by",
        ),
        (
            f"{{hosts: [a.b], {HTTP}, workloadSelector: {{}}, endpoints: [{{address: 1.2.3.4}}]}}",
            "only one of",
        ),
    ],
)
def test_refused(spec, words):
    with pytest.raises(Refused, match=words):
        changes.apply(WORLD, [entry(spec)])

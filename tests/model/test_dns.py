"""What names and addresses lead to: Services of each type, pods, and places outside of the cluster."""

from __future__ import annotations

from fractions import Fraction

import pytest

from harness.api.kubernetes.pod import Resolver
from harness.base.errors import NotModelledError
from harness.model import Refused, changes
from harness.model.network.dns import lookup
from tests.model.clusters import ISTIO, LINKERD, app, cluster, deployment, resource, send, told

NO_NAME, REFUSED = "could not resolve host (curl 6)", "connection refused (curl 7)"
HALF = Fraction(1, 2)
MANAGED = "endpointslice.kubernetes.io/managed-by"


def stateful(name, replicas, **pod):
    short = name.rpartition("/")[2]
    template = {
        "metadata": {"labels": {"app": short}},
        "spec": {"containers": [{"name": short, "image": "unknown/db:1"}], **pod},
    }
    spec = {
        "serviceName": short,
        "replicas": replicas,
        "selector": {"matchLabels": {"app": short}},
        "template": template,
    }
    return resource("StatefulSet", name, spec, "apps/v1")


def headless(name, ports="[{name: http, port: 8080}]", selector=None):
    short = name.rpartition("/")[2]
    return resource(
        "Service", name, f'{{clusterIP: "None", selector: {{app: {selector or short}}}, ports: {ports}}}'
    )


def slices(service, *addresses, ready=True, **labels):
    labels |= {"kubernetes.io/service-name": service.rpartition("/")[2]}
    made = resource("EndpointSlice", service, api="discovery.k8s.io/v1", labels=labels)
    made.data.update(
        addressType="IPv4",
        endpoints=[{"addresses": [one], "conditions": {"ready": ready}} for one in addresses],
        ports=[{"name": "http", "port": 8080}],
    )
    return made


def alias(name, target):
    return resource("Service", name, {"type": "ExternalName", "externalName": target})


def world(*meshes, namespace="bare"):
    return changes.apply(
        cluster(*meshes),
        [
            *app(f"{namespace}/client", "curlimages/curl"),
            *app(f"{namespace}/web", "unknown/web:1", 8080),
            stateful(f"{namespace}/db", 2),
            headless(f"{namespace}/db"),
            headless(f"{namespace}/nobody"),
            headless(f"{namespace}/other", "[{name: http, port: 80, targetPort: 8080}]", "web"),
            alias(f"{namespace}/alias", f"web.{namespace}.svc.cluster.local"),
            alias(f"{namespace}/again", f"alias.{namespace}.svc.cluster.local."),
            alias(f"{namespace}/circle", f"circle.{namespace}.svc.cluster.local"),
            alias(f"{namespace}/lost", f"gone.{namespace}.svc.cluster.local"),
            alias(f"{namespace}/short", "web"),
            alias(f"{namespace}/shop", "shop.acme.com"),
            resource(
                "Service",
                f"{namespace}/fixed",
                "{clusterIP: 10.96.7.7, selector: {app: web}, ports: [{port: 80, targetPort: http}]}",
            ),
        ],
    )


BARE = world()
DB, WEB, SHOP = "200 from bare/db", "200 from bare/web", "left the cluster to shop.acme.com:80"


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        ("http://db:8080/", DB),
        ("http://db-0.db:8080/", DB),
        ("http://db-1.db.bare.svc.cluster.local:8080/", DB),
        ("http://db-1.db.bare.svc:8080/", DB),
        ("http://db-2.db:8080/", NO_NAME),
        ("http://db-0.web:8080/", NO_NAME),
        ("http://db-0:8080/", NO_NAME),
        ("http://nobody:8080/", NO_NAME),
        ("http://other:8080/", WEB),
        ("http://alias/", WEB),
        ("http://again.bare/", WEB),
        ("http://circle/", NO_NAME),
        ("http://lost/", NO_NAME),
        ("http://short/", NO_NAME),
        ("http://shop/", SHOP),
        ("http://shop.acme.com/", SHOP),
        ("http://fixed/", WEB),
        ("http://10.96.7.7/", WEB),
        ("http://198.51.100.7:81/", "left the cluster to 198.51.100.7:81"),
        ("http://web./", NO_NAME),
        ("http://web.bare.svc.cluster.local./", WEB),
        ("http://WEB.bare/", WEB),
    ],
)
def test_without_a_mesh(url, outcome):
    assert told(send(BARE, "bare/client", url)) == {outcome: 1}


def test_the_port_of_a_headless_service_is_the_pods():
    state = changes.apply(
        BARE,
        [
            *app("bare/hello", "nginxdemos/hello:plain-text", 80),
            headless("bare/hi", "[{port: 8000, targetPort: 80}]", "hello"),
        ],
    )
    assert told(send(state, "bare/client", "http://hi:8000/")) == {REFUSED: 1}
    assert told(send(state, "bare/client", "http://hi/")) == {"200 from bare/hello": 1}


@pytest.mark.parametrize(
    ("mesh", "namespace", "url", "outcome", "hop"),
    [
        (ISTIO, "ist", "http://db:8080/", "200 from ist/db", "mutual TLS by istio"),
        (ISTIO, "ist", "http://db-0.db:8080/", "200 from ist/db", "mutual TLS by istio"),
        (ISTIO, "ist", "http://db:9090/", "200 from ist/db", "plaintext"),
        (ISTIO, "ist", "http://alias/", "200 from ist/web", "mutual TLS by istio"),
        (ISTIO, "ist", "http://10.96.7.7/", "200 from ist/web", "mutual TLS by istio"),
        (ISTIO, "ist", "http://shop/", SHOP, "None"),
        (LINKERD, "lnk", "http://db:8080/", "200 from lnk/db", "mutual TLS by linkerd"),
        (LINKERD, "lnk", "http://db-0.db:8080/", "200 from lnk/db", "mutual TLS by linkerd"),
        (LINKERD, "lnk", "http://db:9090/", "200 from lnk/db", "mutual TLS by linkerd"),
        (LINKERD, "lnk", "http://alias/", "200 from lnk/web", "mutual TLS by linkerd"),
        (LINKERD, "lnk", "http://10.96.7.7/", "200 from lnk/web", "mutual TLS by linkerd"),
    ],
)
def test_in_a_mesh(mesh, namespace, url, outcome, hop):
    outcomes = send(world(mesh, namespace=namespace), f"{namespace}/client", url)
    assert told(outcomes) == {outcome: 1}
    assert {str(group.outcome.hop).partition(" as ")[0] for group in outcomes.groups} == {hop}


def test_a_pod_without_sidecar_ends_mutual_tls_to_all_of_a_headless_service():
    plain = deployment(
        "ist/plain",
        {"containers": [{"name": "a", "image": "unknown/db:1"}]},
        {"labels": {"app": "db", "sidecar.istio.io/inject": "false"}},
    )
    outcomes = send(changes.apply(world(ISTIO, namespace="ist"), [plain]), "ist/client", "http://db:8080/")
    assert {str(group.outcome.hop) for group in outcomes.groups} == {"plaintext"}
    assert sum(group.weight for group in outcomes.groups) == 1


def test_rules_on_a_headless_service():
    rule = resource(
        "VirtualService", "ist/v", "{hosts: [db], http: [{timeout: 3s, route: [{destination: {host: db}}]}]}"
    )
    state = changes.apply(world(ISTIO, namespace="ist"), [rule])
    (group,) = send(state, "ist/client", "http://db-1.db:8080/").groups
    assert str(group.outcome) == "200 from ist/db"
    rule = resource("VirtualService", "ist/v", "{hosts: [db], http: [{directResponse: {status: 418}}]}")
    assert told(send(changes.apply(state, [rule]), "ist/client", "http://db:8080/")) == {"418": 1}


@pytest.mark.parametrize(
    ("objects", "outcome"),
    [
        ([], REFUSED),
        ([slices("bare/manual", "198.51.100.7")], "left the cluster to 198.51.100.7:8080"),
        ([slices("bare/manual", "198.51.100.7", ready=False)], REFUSED),
        ([slices("bare/web", "198.51.100.7")], REFUSED),
        ([slices("bare/manual", "198.51.100.7", **{MANAGED: "me"})], "left the cluster to 198.51.100.7:8080"),
        ([slices("bare/manual", "198.51.100.7", **{MANAGED: "endpointslice-controller.k8s.io"})], REFUSED),
    ],
)
def test_services_without_selector(objects, outcome):
    manual = resource("Service", "bare/manual", "{ports: [{name: http, port: 80}]}")
    state = changes.apply(BARE, [manual, *objects])
    assert told(send(state, "bare/client", "http://manual/")) == {outcome: 1}
    assert told(send(state, "bare/client", "http://web/")) == {WEB: 1}


def test_hand_written_endpoints():
    manual = resource("Service", "bare/manual", "{ports: [{port: 80}]}")
    written = resource("Endpoints", "bare/manual")
    written.data["subsets"] = [
        {
            "addresses": [{"ip": "198.51.100.7"}, {"ip": "198.51.100.8"}],
            "notReadyAddresses": [{"ip": "198.51.100.9"}],
            "ports": [{"port": 9000}],
        }
    ]
    assert told(send(changes.apply(BARE, [manual, written]), "bare/client", "http://manual/")) == {
        "left the cluster to 198.51.100.7:9000": HALF,
        "left the cluster to 198.51.100.8:9000": HALF,
    }


def test_an_address_in_the_cluster_that_nobody_knows():
    with pytest.raises(NotModelledError, match=r"http://10\.96\.7\.8/ isn't modelled"):
        send(BARE, "bare/client", "http://10.96.7.8/")


def test_an_endpoint_in_the_cluster_that_nobody_knows():
    manual = resource("Service", "bare/manual", "{ports: [{name: http, port: 80}]}")
    state = changes.apply(BARE, [manual, slices("bare/manual", "10.244.0.9")])
    with pytest.raises(NotModelledError, match=r"EndpointSlice bare/manual endpoints\[0\] isn't modelled"):
        send(state, "bare/client", "http://manual/")


def test_an_external_name_must_be_said():
    with pytest.raises(Refused, match=r"spec\.externalName: Required value"):
        changes.apply(BARE, [resource("Service", "bare/bad", {"type": "ExternalName"})])


@pytest.mark.parametrize(
    ("host", "resolver", "found"),
    [
        ("web.bare", Resolver(ndots=1), "web"),
        ("web", Resolver(ndots=0), "web"),
        ("web.bare.svc", Resolver(searches=("example.com",)), "web"),
        ("web", Resolver(cluster=False), None),
        ("10.96.7.7", Resolver(cluster=False), "fixed"),
        ("cluster", Resolver(searches=("web.bare.svc.cluster.local",)), None),
        ("web", Resolver(searches=("bare.svc.cluster.local",)), "web"),
    ],
)
def test_resolvers(host, resolver, found):
    answer = lookup(BARE, host, "far" if "." not in host and resolver.searches else "bare", resolver)
    assert (answer.service.name if answer else None) == found


@pytest.mark.parametrize(
    ("spec", "outcome"),
    [
        ({"dnsPolicy": "Default"}, NO_NAME),
        ({"hostNetwork": True}, NO_NAME),
        ({"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}, WEB),
        ({"dnsConfig": {"options": [{"name": "ndots", "value": "2"}]}}, WEB),
    ],
)
def test_dns_policies(spec, outcome):
    client = deployment("bare/other", {"containers": [{"name": "a", "image": "curlimages/curl"}], **spec})
    assert told(send(changes.apply(BARE, [client]), "bare/other", "http://web/")) == {outcome: 1}

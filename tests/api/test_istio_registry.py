"""How Istio's hosts, their policies and the mesh's settings are read, and where each field stands."""

from dataclasses import replace

import pytest

from harness.api.istio.destination_rule import DestinationRule
from harness.api.istio.mesh_config import Installation, MeshConfig, is_mesh_config
from harness.api.istio.registry import ServiceEntry, Sidecar, WorkloadEntry
from harness.base.errors import InputError
from tests.model.clusters import resource


def rule(spec: str) -> DestinationRule:
    return DestinationRule.of(resource("DestinationRule", "shop/d", spec))


def settings(text: str, name: str = "istio"):
    made = resource("ConfigMap", f"istio-system/{name}")
    return replace(made, data={**made.data, "data": {"mesh": text}})


@pytest.mark.parametrize(
    ("host", "full"), [("web", "web.shop.svc.cluster.local"), ("*.acme.com", "*.acme.com"), ("*", "*")]
)
def test_a_host_in_full(host, full):
    assert rule(f"{{host: '{host}'}}").full_host == full


@pytest.mark.parametrize(
    ("spec", "selector"),
    [
        ("{host: web}", None),
        ("{host: web, workloadSelector: {}}", {}),
        ("{host: web, workloadSelector: {matchLabels: {app: a}}}", {"app": "a"}),
    ],
)
def test_whom_a_destination_rule_is_for(spec, selector):
    assert rule(spec).selector == selector


def test_each_traffic_policy_by_its_place():
    spec = """{host: web, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]},
               subsets: [{name: v1, trafficPolicy: {loadBalancer: {}}}]}"""
    read = rule(spec)
    assert [(one.path, one.tls and one.tls.mode) for one in read.policies] == [
        ("spec.trafficPolicy", None),
        ("spec.trafficPolicy.portLevelSettings[0]", "SIMPLE"),
        ("spec.subsets[0].trafficPolicy", None),
    ]
    assert read.traffic_policy.at_port(80) is read.traffic_policy.ports[0]
    assert read.traffic_policy.at_port(81) is None
    assert read.subsets[0].traffic_policy.load_balancer.simple == "UNSPECIFIED"


@pytest.mark.parametrize(
    ("spec", "metadata", "labels"),
    [
        ("{address: 10.0.0.1}", {}, {}),
        ("{address: 10.0.0.1, labels: {app: a}}", {"app": "b", "zone": "c"}, {"app": "b", "zone": "c"}),
        ("{address: 10.0.0.1, labels: {app: a}}", {"zone": "c"}, {"app": "a", "zone": "c"}),
    ],
)
def test_labels_of_a_workload_entry(spec, metadata, labels):
    assert WorkloadEntry.of(resource("WorkloadEntry", "shop/w", spec, labels=metadata)).labels == labels


def test_endpoints_of_a_service_entry():
    spec = """{hosts: [a.b], ports: [{number: 80, name: http}], location: MESH_INTERNAL,
               endpoints: [{address: 10.0.0.1, ports: {http: 8080}, labels: {app: a}}]}"""
    entry = ServiceEntry.of(resource("ServiceEntry", "shop/e", spec))
    (endpoint,) = entry.endpoints
    assert (entry.resolution, entry.is_internal, entry.selector) == ("NONE", True, {})
    assert (endpoint.path, endpoint.ports, endpoint.labels) == (
        "spec.endpoints[0]",
        {"http": 8080},
        {"app": "a"},
    )


def test_what_a_sidecar_selects():
    assert Sidecar.of(resource("Sidecar", "shop/s", "{egress: [{hosts: [./*]}]}")).selector == {}
    named = Sidecar.of(resource("Sidecar", "shop/s", "{workloadSelector: {labels: {app: a}}}"))
    assert named.selector == {"app": "a"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", ("ALLOW_ANY", ("cluster.local",), True, ("*",), "BASE")),
        ("trustDomain: ''", ("ALLOW_ANY", ("cluster.local",), True, ("*",), "BASE")),
        (
            "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}, trustDomain: a, trustDomainAliases: [b], "
            "enableAutoMtls: false, defaultServiceExportTo: [.], pathNormalization: {normalization: NONE}}",
            ("REGISTRY_ONLY", ("a", "b"), False, (".",), "NONE"),
        ),
    ],
)
def test_settings_of_a_mesh(text, read):
    config = MeshConfig.of(settings(text))
    normalization = config.path_normalization.normalization
    domains, exported = config.trust_domains, config.service_export_to
    assert (config.outbound, domains, config.auto_mtls, exported, normalization) == read


def test_settings_of_a_mesh_without_config_map_are_the_defaults():
    assert MeshConfig.of(None).trust_domains == MeshConfig.of(settings("")).trust_domains


def test_settings_by_their_place():
    config = MeshConfig.of(settings("{defaultConfig: {gatewayTopology: {numTrustedProxies: 2}}, x: 1}"))
    topology = config.proxy.gateway_topology
    assert (topology.trusted_proxies, topology.at("numTrustedProxies")) == (
        2,
        "data.mesh defaultConfig.gatewayTopology.numTrustedProxies",
    )
    assert config.undeclared() == ["x"]
    with pytest.raises(InputError, match=r"istio data\.mesh trustDomain must be text"):
        _ = MeshConfig.of(settings("trustDomain: 1")).trust_domain


@pytest.mark.parametrize(
    ("name", "text", "is_one"), [("istio", "", True), ("istio-canary", "", True), ("istiod", "", False)]
)
def test_which_config_maps_hold_settings(name, text, is_one):
    assert is_mesh_config(settings(text, name)) is is_one
    assert not is_mesh_config(resource("ConfigMap", f"istio-system/{name}"))


@pytest.mark.parametrize(
    ("kind", "api", "names"),
    [
        ("IstioOperator", "install.istio.io/v1alpha1", ["profile", "", "meshConfig"]),
        ("Istio", "sailoperator.io/v1", ["profile", ""]),
    ],
)
def test_what_an_installation_is_asked_for(kind, api, names):
    spec = "{profile: minimal, values: {pilot: {}}, meshConfig: {trustDomain: a}}"
    read = Installation.of(resource(kind, "istio-system/i", spec, api))
    assert [name for _, name, _ in read.settings] == names

"""Annotations of Istio's pods: what each does to requests, or that nobody knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from harness.analysis.lint.rules.istio import annotation
from harness.api.istio.pod_annotations import table
from harness.base.errors import NotModelledError
from harness.base.vocabulary import Workload
from harness.model import changes
from harness.model.decide import decide
from harness.traffic.request import HOST, Request
from tests.model.clusters import ISTIO, app, cluster, deployment, resource, send, told
from tests.model.test_istio_gateway import bound, gateway, server, to

_KNOWN = yaml.safe_load(Path(annotation.__file__).with_name("annotations.yaml").read_text())

TRAFFIC = "traffic.sidecar.istio.io/"
STRICT = resource("PeerAuthentication", "ist/p", "{mtls: {mode: STRICT}}")
WEB = resource(
    "Service",
    "ist/web",
    "{selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}, {name: http-b, port: 81, targetPort: 8081}]}",
)
OK, RESET, UNREADABLE = "200 from ist/web", "connection reset (curl 56)", "503"


def pods(name: str, image: str, **annotations: str):
    short = name.rpartition("/")[2]
    marks = {"labels": {"app": short}, "annotations": annotations}
    return deployment(name, {"containers": [{"name": short, "image": image}]}, marks)


def world(client: dict[str, str], web: dict[str, str]):
    objects = [
        pods("ist/client", "curlimages/curl", **client),
        pods("ist/web", "shop", **web),
        WEB,
        STRICT,
    ]
    return changes.apply(cluster(ISTIO), [*objects, *app("bare/client", "curlimages/curl")])


def test_each_annotation_that_istio_knows_is_told_of():
    known = table()
    told_of = [
        *known["modelled"].split(),
        *known["without_effect"].split(),
        *known["ambient"].split(),
        *known["undecided"],
    ]
    assert sorted(told_of) == sorted(_KNOWN["kinds"]["Pod"].split())


# annotations of the client's pod, of the server's; what the client and one without proxy get on 80 and 81
PORTS = {
    "nothing": ({}, {}, (OK, OK), (RESET, RESET)),
    "inbound, all": ({}, {"includeInboundPorts": "*"}, (OK, OK), (RESET, RESET)),
    "inbound, one": ({}, {"includeInboundPorts": "8080"}, (OK, UNREADABLE), (RESET, OK)),
    "inbound, none": ({}, {"includeInboundPorts": ""}, (UNREADABLE, UNREADABLE), (OK, OK)),
    "inbound, some, whatever is left out": (
        {}, {"includeInboundPorts": "8080", "excludeInboundPorts": "8080"}, (OK, UNREADABLE), (RESET, OK),
    ),
    "inbound, all but one": ({}, {"includeInboundPorts": "*", "excludeInboundPorts": "8081"}, (OK, UNREADABLE), (RESET, OK)),
    "outbound, all": ({"includeOutboundIPRanges": "*"}, {}, (OK, OK), (RESET, RESET)),
    "outbound, none": ({"includeOutboundIPRanges": ""}, {}, (RESET, RESET), (RESET, RESET)),
    "outbound, none but a port": ({"includeOutboundIPRanges": "", "includeOutboundPorts": "80"}, {}, (OK, RESET), (RESET, RESET)),
    "outbound, a port that is left out": (
        {"includeOutboundIPRanges": "", "includeOutboundPorts": "80", "excludeOutboundPorts": "80"}, {}, (RESET, RESET), (RESET, RESET),
    ),
    "outbound, a port beside all": ({"includeOutboundPorts": "80"}, {}, (OK, OK), (RESET, RESET)),
}  # fmt: skip


@pytest.mark.parametrize(("client", "web", "meshed", "bare"), PORTS.values(), ids=PORTS)
def test_ports(client: dict[str, str], web: dict[str, str], meshed: tuple[str, str], bare: tuple[str, str]):
    state = world(*({f"{TRAFFIC}{key}": text for key, text in each.items()} for each in (client, web)))
    for source, outcomes in (("ist/client", meshed), ("bare/client", bare)):
        for port, outcome in zip((80, 81), outcomes, strict=True):
            assert told(send(state, source, f"http://web.ist:{port}/")) == {outcome: 1}


# the annotation, its value, the field that isn't decided (empty: it is)
MARKS = {
    "networks": (f"{TRAFFIC}includeOutboundIPRanges", "10.0.0.0/8", f"annotation {TRAFFIC}includeOutboundIPRanges"),
    "other networks": (f"{TRAFFIC}excludeOutboundIPRanges", "10.0.0.0/8", f"annotation {TRAFFIC}excludeOutboundIPRanges"),
    "no networks": (f"{TRAFFIC}excludeOutboundIPRanges", "", ""),
    "no interception": ("sidecar.istio.io/interceptionMode", "NONE", "annotation sidecar.istio.io/interceptionMode"),
    "interception": ("sidecar.istio.io/interceptionMode", "REDIRECT", ""),
    "interfaces": (f"{TRAFFIC}kubevirtInterfaces", "net1", f"annotation {TRAFFIC}kubevirtInterfaces"),
    "a bootstrap": ("sidecar.istio.io/bootstrapOverride", "own", "annotation sidecar.istio.io/bootstrapOverride"),
    "a template without a proxy": ("inject.istio.io/templates", "grpc-agent", "annotation inject.istio.io/templates"),
    "the template": ("inject.istio.io/templates", "sidecar", ""),
    "an image": ("sidecar.istio.io/proxyImage", "mine/proxy:1", ""),
    "threads": ("proxy.istio.io/config", "{concurrency: 2, holdApplicationUntilProxyStarts: true, drainDuration: 5s}", ""),
    "DNS": (
        "proxy.istio.io/config", "proxyMetadata: {ISTIO_META_DNS_CAPTURE: 'true'}",
        "annotation proxy.istio.io/config proxyMetadata.ISTIO_META_DNS_CAPTURE",
    ),
    "the agent's": ("proxy.istio.io/config", "proxyMetadata: {SECRET_TTL: 1h}", ""),
    "another mode": ("proxy.istio.io/config", "interceptionMode: TPROXY", "annotation proxy.istio.io/config interceptionMode"),
    "headers": ("proxy.istio.io/config", "proxyHeaders: {server: {disabled: true}}", "annotation proxy.istio.io/config proxyHeaders"),
    "what stands before": ("proxy.istio.io/config", "gatewayTopology: {numTrustedProxies: 1}", ""),
    "PROXY protocol": (
        "proxy.istio.io/config", "gatewayTopology: {proxyProtocol: {}}",
        "annotation proxy.istio.io/config gatewayTopology.proxyProtocol",
    ),
    "no YAML": ("proxy.istio.io/config", "{", ""),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "field"), MARKS.values(), ids=MARKS)
def test_what_is_not_decided(name: str, text: str, field: str):
    if not field:
        assert told(send(world({}, {name: text}), "ist/client", "http://web.ist/")) == {OK: 1}
        return
    with pytest.raises(NotModelledError) as caught:
        world({}, {name: text})
    assert caught.value.field == field


def test_a_gateways_own_topology_counts():
    """Field by field, before MeshConfig's."""
    settings = resource("ConfigMap", "istio-system/istio")
    mesh = "defaultConfig: {gatewayTopology: {numTrustedProxies: 1, forwardClientCertDetails: ALWAYS_FORWARD_ONLY}}"
    settings = replace(settings, data={**settings.data, "data": {"mesh": mesh}})
    allow = "{selector: {matchLabels: {istio: ingressgateway}}, rules: [{from: [{source: {remoteIpBlocks: [7.7.7.7]}}]}]}"
    objects = [
        *app("ist/v1", "l5d/echo:v1", 8080),
        gateway(server(80, "HTTP", "'*'")),
        bound("http", to("v1")),
        settings,
    ]
    objects.append(resource("AuthorizationPolicy", "istio-system/a", allow, "security.istio.io/v1"))
    request = Request(
        HOST,
        "http://a.com/",
        headers=(("x-forwarded-for", "7.7.7.7, 8.8.8.8"), ("x-forwarded-client-cert", "x")),
        through=Workload("istio-system", "istio-ingressgateway"),
        address="9.9.9.9",
    )
    for own, outcome in (("", "403"), ("gatewayTopology: {numTrustedProxies: 2}", "200 from ist/v1")):
        state = changes.apply(cluster(ISTIO), objects)
        deployed = state.get("apps", "Deployment", "istio-system", "istio-ingressgateway")
        data = deployed.data["spec"]["template"]
        notes = {**data["metadata"].get("annotations", {}), **({"proxy.istio.io/config": own} if own else {})}
        template = {**data, "metadata": {**data["metadata"], "annotations": notes}}
        changed = replace(
            deployed, data={**deployed.data, "spec": {**deployed.data["spec"], "template": template}}
        )
        (group,) = decide(changes.apply(state, [changed]), request).groups
        assert str(group.outcome) == outcome
        if own:
            assert group.outcome.server_saw.header("x-forwarded-client-cert").startswith("x")

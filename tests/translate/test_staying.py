"""What of Istio's stays for its gateways, and what an estate holds once a translation is applied."""

from __future__ import annotations

import pytest

from harness.analysis.translate import translate
from harness.analysis.translate.estate import Estate
from harness.analysis.translate.staying import Reach, reach
from tests.model.clusters import deployment, resource
from tests.translate.estates import APPS

SECURITY, FILTER = "security.istio.io/v1", "networking.istio.io/v1alpha3"
PODS = {"containers": [{"name": "istio-proxy", "image": "x", "args": ["proxy", "router"]}]}
DOOR = deployment("edge/door", PODS, {"labels": {"istio": "door"}})
INSTALLED = resource("Gateway", "shop/gw", "{selector: {istio: ingressgateway}, servers: []}")
API = "gateway.networking.k8s.io/v1"
OWN, WAYPOINT = (
    resource("Gateway", f"shop/{name}", {"gatewayClassName": name, "listeners": []}, API)
    for name in ("istio", "istio-waypoint")
)
GATEWAYS, OTHERS, BOTH = Reach(True, False), Reach(False, True), Reach(True, True)


def policy(name: str, spec: str, kind: str = "AuthorizationPolicy", api: str = SECURITY) -> object:
    return resource(kind, name, spec, api)


def target(name: str) -> str:
    return "{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: " + name + "}]}"


# an object, and whose proxies it is for
REACHES = {
    "gateway by label": (policy("edge/it", "{selector: {matchLabels: {istio: door}}}"), GATEWAYS),
    "gateway's namespace": (policy("edge/it", "{}"), GATEWAYS),
    "applications": (policy("shop/it", "{selector: {matchLabels: {app: web}}}"), OTHERS),
    "applications' namespace": (policy("shop/it", "{}"), OTHERS),
    "nobody": (policy("shop/it", "{selector: {matchLabels: {app: x}}}"), OTHERS),
    "all": (policy("istio-system/it", "{}"), BOTH),
    "installed gateway": (policy("istio-system/it", "{selector: {matchLabels: {istio: ingressgateway}}}"), GATEWAYS),
    "tokens": (policy("edge/it", "{}", "RequestAuthentication"), GATEWAYS),
    "mutual TLS": (policy("edge/it", "{}", "PeerAuthentication"), OTHERS),
    "filter by label": (policy("edge/it", "{workloadSelector: {labels: {istio: door}}}", "EnvoyFilter", FILTER), GATEWAYS),
    "filter of gateways": (policy("istio-system/it", "{configPatches: [{match: {context: GATEWAY}}]}", "EnvoyFilter", FILTER), GATEWAYS),
    "filter of sidecars": (policy("istio-system/it", "{configPatches: [{match: {context: SIDECAR_INBOUND}}]}", "EnvoyFilter", FILTER), OTHERS),
    "target": (policy("shop/it", target("istio")), GATEWAYS),
    "waypoint": (policy("shop/it", target("istio-waypoint")), OTHERS),
    "unknown target": (policy("shop/it", target("x")), OTHERS),
}  # fmt: skip


@pytest.mark.parametrize(("config", "reached"), REACHES.values(), ids=REACHES)
def test_whose_proxies_an_object_is_for(config: object, reached: Reach):
    estate = Estate((*APPS, DOOR, INSTALLED, OWN, WAYPOINT, config))
    assert reach(estate, config) == reached
    assert (config in translate(estate.resources).kept) is reached.gateways


def test_an_estate_holds_what_is_made_and_what_stays():
    kept = policy("edge/it", "{action: DENY, rules: [{}]}")
    gone = policy("shop/it", "{action: DENY, rules: [{}]}")
    other = resource("Certificate", "shop/it", "{}", "cert-manager.io/v1")
    resources = [*APPS, DOOR, kept, gone, other]
    made = translate(resources)
    after = made.applied(resources)
    assert set(resources) - set(after) == {gone}
    assert set(after) - set(resources) == set(made.objects)
    assert len({each.key for each in after}) == len(after)

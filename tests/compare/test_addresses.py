"""Addresses that proxies take for a client's: by the networks that rules name."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest

from harness.base.networks import borders, lies_in
from harness.model import changes
from tests.compare.differing import differing
from tests.compare.test_comparison import estate, service
from tests.model.clusters import ISTIO, resource
from tests.model.test_istio_gateway import WORLD, bound, gateway, server, to


def policy(name: str, action: str, source: str):
    spec = f"{{selector: {{matchLabels: {{app: web}}}}, action: {action}, rules: [{{from: [{{source: {source}}}]}}]}}"
    return resource("AuthorizationPolicy", f"shop/{name}", spec, "security.istio.io/v1")


def remote(*blocks: str, unwanted: tuple[str, ...] = (), action: str = "ALLOW"):
    source = f"{{remoteIpBlocks: [{', '.join(blocks)}], notRemoteIpBlocks: [{', '.join(unwanted)}]}}"
    return policy(action.lower(), action, source)


# policies before and after, and whether they differ
CASES = {
    "another network": (remote("198.51.100.0/24"), remote("198.51.101.0/24"), True),
    "a wider one": (remote("198.51.100.0/24"), remote("198.51.100.0/23"), True),
    "a part of it": (remote("198.51.100.0/24"), remote("198.51.100.0/25", "198.51.100.128/25"), False),
    "but for one address": (
        remote("198.51.100.0/24"), remote("198.51.100.0/24", unwanted=("198.51.100.7",)), True,
    ),
    "all": (remote("0.0.0.0/0"), remote("0.0.0.0/1", "128.0.0.0/1"), False),
    "of six bytes": (remote("2001:db8::/32"), remote("2001:db8::/33"), True),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "differ"), CASES.values(), ids=CASES)
def test_addresses_are_tried_in_each_network_and_beside_it(before, after, differ):
    found = differing(estate(ISTIO, before), estate(ISTIO, after))
    assert bool(found) is differ
    assert all(each.harm in ("opened", "closed") for each in found)


def test_some_address_is_in_each_part_that_networks_leave():
    blocks = [
        "10.0.0.0/8",
        "10.0.0.0/9",
        "10.1.0.0/16",
        "10.1.255.255",
        "11.0.0.0/8",
        "0.0.0.0/0",
        "0.0.0.0/4",
        "255.255.255.255",
        "::/0",
        "2001:db8::/32",
    ]
    every = ["10.0.0.0", "10.0.255.255", "10.1.0.0", "10.1.1.1", "10.1.255.255", "10.128.0.0", "11.0.0.1", "12.0.0.0", "0.0.0.0", "15.255.255.255", "16.0.0.0", "255.255.255.255", "255.255.255.254", "::", "2001:db8::1", "2001:db9::"]  # fmt: skip
    for asked in (pair for count in (1, 2, 3) for pair in combinations(blocks, count)):
        likely = {
            tuple(lies_in(address, block) for block in asked) for each in asked for address in borders(each)
        }
        there = {tuple(lies_in(address, block) for block in asked) for address in every}
        assert there - {tuple(False for _ in asked)} <= likely


HEADER = "request: {add: {x-user: admin}}"


@pytest.mark.parametrize(("wanted", "differ"), [("*,admin", True), ("joe,admin", True)])
def test_what_a_route_adds_to_a_header_is_asked_behind_what_is_sent(wanted, differ):
    def side(value: str):
        when = f"{{key: 'request.headers[x-user]', values: ['{value}']}}"
        spec = f"{{selector: {{matchLabels: {{app: web}}}}, action: DENY, rules: [{{when: [{when}]}}]}}"
        deny = resource("AuthorizationPolicy", "shop/deny", spec, "security.istio.io/v1")
        return estate(
            ISTIO, service("{headers: {" + HEADER + "}, route: [{destination: {host: web}}]}"), deny
        )

    found = differing(side(wanted), side("nobody"))
    assert bool(found) is differ


def test_gateways_believe_as_many_proxies_before_them_as_they_are_told():
    routed = (gateway(server(80, "HTTP", "'*'")), bound("http", to("v1", "uri: {prefix: /}")))

    def side(trusted: int):
        spec = "{action: DENY, rules: [{from: [{source: {remoteIpBlocks: ['198.51.100.0/24']}}]}]}"
        deny = resource("AuthorizationPolicy", "istio-system/deny", spec, "security.istio.io/v1")
        return changes.apply(WORLD, [trusting(trusted), *routed, deny])

    found = [each for each in differing(side(1), side(2)) if each.request and each.request.through]
    listed = {value for each in found for name, value in each.request.headers if name == "x-forwarded-for"}
    assert {each.harm for each in found} == {"opened", "closed"}
    assert listed == {"198.51.100.0", "198.51.100.0, 192.0.2.1"}
    assert differing(side(2), side(2)) == []


def trusting(proxies: int):
    mesh = resource("ConfigMap", "istio-system/istio", api="v1")
    mesh.data["data"] = {"mesh": f"defaultConfig: {{gatewayTopology: {{numTrustedProxies: {proxies}}}}}"}
    return mesh


@pytest.mark.parametrize("trusted", [0, 1])
def test_addresses_outside_are_tried_as_a_gateway_sees_them(trusted: int):
    routed = (gateway(server(80, "HTTP", "'*'")), bound("http", to("v1", "uri: {prefix: /}")))

    def side(block: str, field: str):
        spec = f"{{selector: {{matchLabels: {{istio: ingressgateway}}}}, rules: [{{from: [{{source: {{{field}: ['{block}']}}}}]}}]}}"
        allow = resource("AuthorizationPolicy", "istio-system/allow", spec, "security.istio.io/v1")
        return changes.apply(WORLD, [trusting(trusted), *routed, allow])

    for field in ("ipBlocks", "remoteIpBlocks"):
        found = differing(side("198.51.100.0/24", field), side("198.51.100.0/25", field))
        outside = [each for each in found if each.request.through]
        assert {each.request.address for each in outside} <= {"198.51.100.128", "203.0.113.7"}
        assert "198.51.100.128" in {each.request.address for each in found}
        assert differing(side("198.51.100.0/24", field), side("198.51.100.7/24", field)) == []


def test_gateways_are_called_from_inside_too():
    edge = WORLD.get("", "Service", "istio-system", "istio-ingressgateway")
    spec = {**edge.data["spec"], "selector": {"istio": "nowhere"}}
    closed = changes.apply(WORLD, [replace(edge, data={**edge.data, "spec": spec})])
    found = differing(WORLD, closed)  # nothing listens there, and then nothing is there
    assert {each.service.name for each in found if each.service} >= {"istio-ingressgateway"}
    assert not [each for each in found if each.request.through]

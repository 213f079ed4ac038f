"""What an ingress gateway adds to requests and answers, as a real one was seen to do."""

from __future__ import annotations

import pytest

from harness.model import changes
from tests.model.clusters import resource, send
from tests.model.test_istio_gateway import GATEWAY, WORLD, bound, gateway, server, to

ROUTED = (gateway(server(80, "HTTP", "'*'")), bound("http", to("v1", "uri: {prefix: /ok}")))
DENY = resource("AuthorizationPolicy", "istio-system/none", "{}", api="security.istio.io/v1")


@pytest.mark.parametrize(
    ("name", "objects", "path", "status"),
    [
        ("an application's answer", ROUTED, "/ok", 200),
        ("no rule", ROUTED, "/other", 404),
        ("denied at the gateway", (*ROUTED, DENY), "/ok", 403),
    ],
)
def test_every_answer_has_the_gateways_name(name, objects, path, status):
    for group in send(changes.apply(WORLD, objects), "bare/client", f"http://{GATEWAY}{path}").groups:
        assert group.outcome.status == status
        assert [value for key, value in group.outcome.headers if key == "server"] == ["istio-envoy"]


@pytest.mark.parametrize(
    ("name", "trusted", "sent", "external", "forwarded"),
    [
        ("the client's address", 0, {}, "<ip>", "<ip>"),
        ("a forged one is replaced", 0, {"x-envoy-external-address": "1.2.3.4"}, "<ip>", "<ip>"),
        ("a forged list isn't believed", 0, {"x-forwarded-for": "1.2.3.4"}, "<ip>", "1.2.3.4,<ip>"),
        ("a proxy in front is believed", 1, {"x-forwarded-for": "1.2.3.4"}, "1.2.3.4", "1.2.3.4,<ip>"),
    ],
)
def test_servers_are_told_the_clients_address(name, trusted, sent, external, forwarded):
    mesh = f"defaultConfig: {{gatewayTopology: {{numTrustedProxies: {trusted}}}}}"
    config = resource("ConfigMap", "istio-system/istio", api="v1")
    config.data["data"] = {"mesh": mesh}
    state = changes.apply(WORLD, [*ROUTED, config])
    [group] = send(state, "bare/client", f"http://{GATEWAY}/ok", **sent).groups
    saw = group.outcome.server_saw
    assert (saw.header("x-envoy-external-address"), saw.header("x-forwarded-for")) == (external, forwarded)

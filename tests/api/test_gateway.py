"""What comes out of the fields of Istio's own Gateway."""

from __future__ import annotations

from harness.api.istio.gateway import IstioGateway, Server
from tests.model.clusters import resource


def server(fields: str) -> Server:
    spec = "{selector: {istio: x}, servers: [{" + fields + "}]}"
    return IstioGateway.of(resource("Gateway", "shop/gw", spec, "networking.istio.io/v1")).servers[0]


def test_hosts_and_who_may_speak_for_them():
    hosts = server("hosts: [A.example.com, ./b, ops/c, '*/d', '*']").open_to
    assert hosts == (("*", "a.example.com"), ("shop", "b"), ("ops", "c"), ("*", "d"), ("*", "*"))


def test_ports_and_protocols():
    read = server("port: {number: 443, name: tls, protocol: https}, name: x")
    assert (read.port.number, read.port.name, read.protocol, read.name) == (443, "tls", "HTTPS", "x")
    assert read.port.path == "spec.servers[0].port"


def test_tls_and_its_secrets():
    assert server("tls: {}").tls.effective_mode == "PASSTHROUGH"
    read = server("tls: {mode: SIMPLE, credentialNames: [a, b], httpsRedirect: true}").tls
    assert (read.effective_mode, read.credentials, read.https_redirect) == ("SIMPLE", ("a", "b"), True)
    assert server("tls: {credentialName: c, credentialNames: [a]}").tls.credentials == ("c",)

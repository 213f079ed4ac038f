"""How headers, counters and the wire together show the hop of an answer."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from harness.base.errors import WitnessError
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.objects import pods
from harness.cluster.probing.answers import CurlAnswer
from harness.cluster.probing.attribution import Shown, attributed
from harness.traffic.outcomes import Hop
from harness.traffic.request import Request
from tests.cluster.fakes import FakeClient, pod

GRPC = Request(Workload("shop", "client"), "grpc://color/S/M")
HTTP = Request(Workload("shop", "client"), "http://color/")
SPIFFE = "spiffe://cluster.local/ns/shop/sa/color"
ONE, TWO = (
    pod(f"{name}-6b5d4d5f74-a", owner=f"ReplicaSet/{name}-6b5d4d5f74", native="istio-proxy")
    for name in ("color", "color2")
)
BARE = pod("bare-6b5d4d5f74-a", owner="ReplicaSet/bare-6b5d4d5f74")
MUTUAL = Hop(True, Mesh.ISTIO, witnesses=("9 requests",))
MORE = Hop(True, Mesh.ISTIO, witnesses=("7 requests",))
PLAIN = Hop(False, witnesses=("8 requests",))
MUTE = SimpleNamespace(identity=lambda saw: None)


def read(request, body="", counted=(), looks=None, servers=(ONE, TWO)):
    """The hop of one answer; `counted` are what each server's proxy witnesses."""
    known = {pods.name(one): {pods.workload(one): one} for one in servers}
    owners = {name: next(iter(found)) for name, found in known.items()}
    sources = SimpleNamespace(known=known, owners=owners)
    witnesses = dict(zip(map(pods.name, servers), counted, strict=False))
    seen = {name: (SimpleNamespace(witness=lambda *_, hop=hop: hop), "") for name, hop in witnesses.items()}
    answer = CurlAnswer(0, 200, 0.1, "", (), f"{body}grpc-status: 0\r\n" if request.grpc else body)
    found = attributed(FakeClient(), {Mesh.ISTIO: MUTE}, sources, request, [answer], seen, seen, looks or {})
    return found.groups[0].outcome.hop


def strict(one):
    return {pods.name(one): Shown(f"Pod shop/{pods.name(one)}", (SPIFFE,), asks=True, plaintext=False)}


def permissive(one):
    return {pods.name(one): Shown(f"Pod shop/{pods.name(one)}", (SPIFFE,), asks=True, plaintext=True)}


def no_tls(one):
    return {pods.name(one): Shown(f"Pod shop/{pods.name(one)}", plaintext=True)}


@pytest.mark.parametrize(
    ("name", "request_", "body", "counted", "looks", "mutual", "witnesses"),
    [
        ("gRPC: several proxies counted, alike", GRPC, "", (MUTUAL, MORE), {}, True, 1),
        ("gRPC: they counted different ways", GRPC, "", (MUTUAL, PLAIN), {}, None, 0),
        ("gRPC under load, STRICT", GRPC, "", (), strict(ONE), True, 1),
        ("gRPC under load, PERMISSIVE", GRPC, "", (), permissive(ONE), None, 0),
        ("gRPC: counters and wire", GRPC, "", (MUTUAL,), permissive(ONE), True, 2),
        ("the pod that answered counts", HTTP, pods.name(ONE), (MUTUAL, PLAIN), no_tls(TWO), True, 1),
        ("the pod that answered, on the wire", HTTP, pods.name(ONE), (MUTUAL, PLAIN), strict(ONE), True, 2),
        ("pods that differ tell nothing", GRPC, "", (MUTUAL,), strict(ONE) | no_tls(TWO), True, 1),
        ("no witness", HTTP, "", (), {}, None, 0),
    ],
)
def test_hops(name, request_, body, counted, looks, mutual, witnesses):
    hop = read(request_, body, counted, looks)
    assert (hop and hop.mutual) is mutual
    assert len(hop.witnesses if hop else ()) == witnesses


def test_a_server_without_proxy_is_seen_on_the_wire():
    hop = read(HTTP, pods.name(BARE), looks=no_tls(BARE), servers=(BARE,))
    assert hop.witnesses == (
        "no proxy in the server's pod",
        f"no certificate, and plain HTTP, at Pod shop/{pods.name(BARE)} (openssl s_client)",
    )


def test_what_contradicts_is_told():
    with pytest.raises(WitnessError, match="disagree"):
        read(HTTP, pods.name(ONE), (MUTUAL,), no_tls(ONE))

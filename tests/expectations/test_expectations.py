"""Each kind of expectation, judged on exact and on sampled outcomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.resources import Resource
from harness.base.settings import Confidence
from harness.base.vocabulary import Mesh, Workload
from harness.expectations import KINDS, Ground, Result
from harness.manifests.files import read_manifests
from harness.traffic.observables import Basis, Pod, Proxy
from harness.traffic.outcomes import Failure, Hop, Outcome
from tests.scripted import Scripted

WEB, WEB2 = Workload("shop", "web"), Workload("shop", "web2")
OK = Outcome(200, backend=WEB, body='{"color": "blue", "list": [{"n": 1}]}', headers=(("X-Pod", "web-1"),))
OK2 = Outcome(200, backend=WEB2, body='{"color": "green"}', headers=(("X-Pod", "web2-1"),))
RBAC = Outcome(403, body="RBAC: access denied")
LINKERD_403 = Outcome(403, body="")
APP_403 = Outcome(403, backend=WEB, body="forbidden")
NO_ROUTE = Outcome(404, body="")
RESET = Outcome(failure=Failure.RESET)
LINKERD_502 = Outcome(502, headers=(("l5d-proxy-error", "reset"),))
GRPC_DENIED = Outcome(200, grpc_status=7)
GRPC_OK = Outcome(200, grpc_status=0)
SLOW = Outcome(200, seconds=5.0, backend=WEB)
SPIFFE = "spiffe://cluster.local/ns/shop/sa/web"
MUTUAL = Outcome(200, hop=Hop(True, Mesh.ISTIO, SPIFFE, ("X-Forwarded-Client-Cert",)))
LINKERD_MUTUAL = Outcome(
    200, hop=Hop(True, Mesh.LINKERD, "web.shop.serviceaccount.identity.linkerd.cluster.local")
)
PLAIN = Outcome(200, hop=Hop(False))

CALL = {"from": "shop/web", "to": "http://web.shop/"}
PASS, FAIL, INCONCLUSIVE = Result.PASS, Result.FAIL, Result.INCONCLUSIVE
HALF = {OK: 0.5, OK2: 0.5}


def resource(kind: str, name: str, group: str = "v1", spec: dict | None = None) -> Resource:
    return Resource(group, kind, "shop", name, {"spec": spec or {}})


APPS = (
    *tuple(
        resource("Deployment", name, "apps/v1", {"template": {"metadata": {"labels": {"app": name}}}})
        for name in ("web", "web2")
    ),
    resource("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}),
)

# name: (kind, what it says beside from and to, answers, result, words of what was seen)
CASES = {
    "split even": ("split", {"weights": {"web": 1, "web2": 1}}, HALF, PASS, "shop/web 50 %"),
    "split by full name": ("split", {"weights": {"shop/web": 1, "shop/web2": 1}}, HALF, PASS, ""),
    "split off": ("split", {"weights": {"web": 40, "web2": 60}}, HALF, FAIL, "shop/web2 50 %"),
    "split with failures": ("split", {"weights": {"web": 1}}, {OK: 0.5, NO_ROUTE: 0.5}, FAIL, "404 50 %"),
    "split unknown": ("split", {"weights": {"web": 1}}, {Outcome(200): 1}, INCONCLUSIVE, "not known 100 %"),
    "split by json": ("split", {"by": {"json": "color"}, "weights": {"blue": 1, "green": 1}}, HALF, PASS, ""),
    "split by header": (
        "split",
        {"by": {"header": "x-pod"}, "weights": {"web-1": 1, "web2-1": 1}},
        HALF,
        PASS,
        "",
    ),
    "split by absent header": (
        "split",
        {"by": {"header": "x"}, "weights": {"a": 1}},
        HALF,
        FAIL,
        "no header x",
    ),
    "allow": ("allow", {}, {OK: 1}, PASS, "allowed 100 %"),
    "allow, denied by Istio": ("allow", {}, {RBAC: 1}, FAIL, "denied (403) 100 %"),
    "allow, sometimes denied": ("allow", {}, {OK: 0.9, RBAC: 0.1}, FAIL, "denied (403) 10 %"),
    "allow with another status": ("allow", {"status": 404}, {NO_ROUTE: 1}, PASS, ""),
    "allow gRPC": ("allow", {}, {GRPC_OK: 1}, PASS, ""),
    "allow gRPC denied": ("allow", {}, {GRPC_DENIED: 1}, FAIL, "grpc-status 7"),
    "deny by Istio": ("deny", {}, {RBAC: 1}, PASS, "denied"),
    "deny by Linkerd": ("deny", {}, {LINKERD_403: 1}, PASS, ""),
    "deny by STRICT": ("deny", {}, {RESET: 1}, PASS, ""),
    "deny by STRICT, seen from Linkerd": ("deny", {}, {LINKERD_502: 1}, PASS, ""),
    "deny gRPC": ("deny", {}, {GRPC_DENIED: 1}, PASS, ""),
    "deny, but the application refused": ("deny", {}, {APP_403: 1}, FAIL, "403 from shop/web"),
    "deny, but no name": ("deny", {}, {Outcome(failure=Failure.RESOLVE): 1}, FAIL, "could not resolve"),
    "deny, allowed": ("deny", {}, {OK: 1}, FAIL, "200 from shop/web"),
    "deny with a status": ("deny", {"status": 404}, {NO_ROUTE: 1}, PASS, ""),
    "deny with another status": ("deny", {"status": 404}, {RBAC: 1}, FAIL, "403"),
    "response status": ("response", {"status": 200}, {OK: 1}, PASS, ""),
    "response wrong status": ("response", {"status": 200}, {NO_ROUTE: 1}, FAIL, "status 404"),
    "response header": ("response", {"header": {"x-pod": "web-1"}}, {OK: 1}, PASS, ""),
    "response no header": (
        "response",
        {"header": {"x-pod": {"absent": True}}},
        {OK: 1},
        FAIL,
        "header x-pod: web-1",
    ),
    "response absent header": ("response", {"header": {"x": {"absent": True}}}, {OK: 1}, PASS, ""),
    "response body": ("response", {"body": {"contains": "blue"}}, {OK: 1}, PASS, ""),
    "response body regex": ("response", {"body": {"matches": ".*blue.*"}}, {OK: 1}, PASS, ""),
    "response other body": ("response", {"body": "blue"}, {OK: 1}, FAIL, "body "),
    "response body unknown": ("response", {"body": "x"}, {Outcome(200): 1}, INCONCLUSIVE, "not known"),
    "response json": ("response", {"json": {"list.0.n": "1"}}, {OK: 1}, PASS, ""),
    "response json missing": ("response", {"json": {"list.1": "1"}}, {OK: 1}, FAIL, "no list.1 in the body"),
    "response grpc": ("response", {"grpc_status": 7}, {GRPC_DENIED: 1}, PASS, ""),
    "latency": ("latency", {"at_least": "5s", "at_most": "6s"}, {SLOW: 1}, PASS, ""),
    "latency too slow": ("latency", {"at_most": "500ms"}, {SLOW: 1}, FAIL, "5.0 to 5.1 s 100 %"),
    "latency too fast": ("latency", {"at_least": "5s"}, {OK: 1}, FAIL, "0.0 to 0.1 s 100 %"),
    "latency of nothing": ("latency", {"at_least": "5s"}, {RESET: 1}, FAIL, "connection reset"),
    "mtls": ("mtls", {"mesh": "istio"}, {MUTUAL: 1}, PASS, "mutual TLS by istio"),
    "mtls to a workload": ("mtls", {"to": "shop/web", "mesh": "istio"}, {MUTUAL: 1}, PASS, ""),
    "mtls identity": ("mtls", {"mesh": "istio", "client": SPIFFE}, {MUTUAL: 1}, PASS, SPIFFE),
    "mtls wrong identity": ("mtls", {"mesh": "istio", "client": "x"}, {MUTUAL: 1}, FAIL, SPIFFE),
    "mtls wrong mesh": ("mtls", {"mesh": "istio"}, {LINKERD_MUTUAL: 1}, FAIL, "mutual TLS by linkerd"),
    "mtls plaintext": ("mtls", {"mesh": "istio"}, {PLAIN: 1}, FAIL, "plaintext"),
    "plaintext": ("mtls", {"mode": "plaintext"}, {PLAIN: 1}, PASS, ""),
    "plaintext but mutual": ("mtls", {"mode": "plaintext"}, {MUTUAL: 1}, FAIL, "mutual TLS by istio"),
    "plaintext not shown": ("mtls", {"mode": "plaintext"}, {OK: 1}, INCONCLUSIVE, "not known"),
}


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("case", CASES)
def test_probing_expectation(case: str, basis: Basis):
    kind, says, answers, result, words = CASES[case]
    expectation = KINDS[kind].model_validate(CALL | says)
    ground = Ground(Scripted(answers, basis), APPS, confidence=Confidence(settle=0))
    verdict = expectation.judge(ground)
    assert verdict.result is result
    assert verdict.basis is basis
    if basis is Basis.PREDICTED:
        assert words in verdict.seen
        assert verdict.n is None
        assert all(explanation.trace for explanation in verdict.explanations)
    else:
        assert verdict.n >= 200
        assert all(share.interval for share in verdict.shares)


def test_a_denial_without_a_control_proves_nothing():
    expectation = KINDS["deny"].model_validate(CALL)
    verdict = expectation.judge(Ground(Scripted({RBAC: 1}, no_control=True)))
    assert verdict.result is INCONCLUSIVE
    assert "the server doesn't answer" in verdict.evidence


def test_what_still_settles_isn_t_counted(monkeypatch):
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    provider = Scripted({RBAC: 1}, Basis.OBSERVED, change=lambda sent: {OK: 1} if sent < 40 else None)
    verdict = KINDS["deny"].model_validate(CALL).judge(Ground(provider, confidence=Confidence(settle=5)))
    assert verdict.result is PASS
    assert verdict.n == 200


def test_the_model_beside_a_cluster_predicts_and_explains():
    shadow = Scripted({OK: 0.5, OK2: 0.5})
    ground = Ground(Scripted({OK: 1}, Basis.OBSERVED), APPS, shadow=shadow, confidence=Confidence(settle=0))
    verdict = KINDS["split"].model_validate(CALL | {"weights": {"web": 1, "web2": 1}}).judge(ground)
    assert verdict.result is FAIL
    assert verdict.predicted == "shop/web 50 %, shop/web2 50 %"
    assert verdict.explanations[0].trace[0].subject == "VirtualService shop/web"


ISTIO, LINKERD = Proxy(Mesh.ISTIO, native=True), Proxy(Mesh.LINKERD, native=False)
DECLINED = ((Mesh.LINKERD, "pod has a sidecar injected already"),)

INJECTION = {
    "the right proxy": ({"mesh": "istio"}, (Pod("p", (ISTIO,)),), PASS),
    "the wrong proxy": ({"mesh": "linkerd"}, (Pod("p", (ISTIO,)),), FAIL),
    "both proxies": ({"mesh": "istio"}, (Pod("p", (ISTIO, LINKERD)),), FAIL),
    "one pod without": ({"mesh": "istio"}, (Pod("p", (ISTIO,)), Pod("q")), FAIL),
    "no pods": ({"mesh": "istio"}, (), INCONCLUSIVE),
    "none": ({"mesh": "none"}, (Pod("p"),), PASS),
    "none, but one": ({"mesh": "none"}, (Pod("p", (ISTIO,)),), FAIL),
    "native": ({"mesh": "istio", "form": "native-sidecar"}, (Pod("p", (ISTIO,)),), PASS),
    "not native": ({"mesh": "linkerd", "form": "native-sidecar"}, (Pod("p", (LINKERD,)),), FAIL),
    "declined": ({"mesh": "istio", "skipped": "linkerd"}, (Pod("p", (ISTIO,), DECLINED),), PASS),
    "not seen to decline": ({"mesh": "istio", "skipped": "linkerd"}, (Pod("p", (ISTIO,)),), FAIL),
}


@pytest.mark.parametrize("case", INJECTION)
def test_injected(case: str):
    says, pods, result = INJECTION[case]
    expectation = KINDS["injected"].model_validate({"workload": "shop/web"} | says)
    assert expectation.judge(Ground(Scripted({}, running=pods))).result is result


ROUTES = {"bad": (resource("HTTPRoute", "a"), resource("HTTPRoute", "b"))}

REFUSALS = {
    "refused": ({}, {"HTTPRoute shop/a": "Must have port"}, PASS),
    "refused with the words": (
        {"message": {"contains": "port"}},
        {"HTTPRoute shop/a": "Must have port"},
        PASS,
    ),
    "refused with other words": (
        {"message": {"contains": "name"}},
        {"HTTPRoute shop/a": "Must have port"},
        FAIL,
    ),
    "accepted": ({}, {}, FAIL),
    "another object": ({"object": "HTTPRoute shop/b"}, {"HTTPRoute shop/a": "Must have port"}, FAIL),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_by_api(case: str):
    says, refusals, result = REFUSALS[case]
    expectation = KINDS["refused_by_api"].model_validate({"config": "bad"} | says)
    assert expectation.judge(Ground(Scripted({}, refusals=refusals), configs=ROUTES)).result is result


def test_mtls_to_a_workload_calls_its_own_service():
    expectation = KINDS["mtls"].model_validate(CALL | {"to": "faces/color2", "mesh": "istio"})
    apps = read_manifests(Path(__file__).parents[2] / "manifests/faces")
    assert expectation.request(Ground(Scripted({}), apps)).url == "http://color2.faces:80/"

"""The expectations on traffic, judged on exact and on sampled outcomes."""

from __future__ import annotations

from fractions import Fraction

import pytest
from pydantic import ValidationError

from harness.base.settings import Confidence
from harness.base.vocabulary import Workload
from harness.expectations import KINDS, Ground, Result
from harness.traffic.observables import Basis, Resolution
from harness.traffic.outcomes import Failure, Outcome, ServerSaw
from harness.traffic.request import HOST
from tests.expectations.test_expectations import APPS
from tests.scripted import Scripted

WEB = Workload("shop", "web")
PASS, FAIL, INCONCLUSIVE = Result.PASS, Result.FAIL, Result.INCONCLUSIVE
CALL = {"from": "shop/web", "to": "http://web.shop/"}

OK = Outcome(200, backend=WEB)
SAW = Outcome(
    200, server_saw=ServerSaw("/new/a?b=c", "new.shop", (("X-By", "istio"),)), headers=(("x-to", "me"),)
)
MUTE = Outcome(200, server_saw=ServerSaw("", "", ()))
HOSTLESS = Outcome(200, server_saw=ServerSaw("/new/a", "", ()))
MOVED = Outcome(301, headers=(("location", "http://web/new"),))
MISSING = Outcome(404, body="")
ENVOY_LATE = Outcome(504, body="upstream request timeout", seconds=1.2)
LINKERD_LATE = Outcome(504, headers=(("l5d-proxy-error", "timed out waiting for response"),), seconds=1.0)
UNCONNECTED = Outcome(
    504, headers=(("l5d-proxy-error", "endpoint x: connect timed out after 1s"),), seconds=1.0
)
OWN_504 = Outcome(504, body="too late", seconds=1.0, backend=WEB)
GRPC_OK, GRPC_GONE = Outcome(200, grpc_status=0), Outcome(200, grpc_status=14)
REFUSED, RESET, NO_NAME, LATE = (
    Outcome(failure=one) for one in (Failure.REFUSED, Failure.RESET, Failure.RESOLVE, Failure.TIMEOUT)
)
ENVOY_503 = Outcome(
    503,
    body="upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
)
NOBODY = Outcome(503, body="no healthy upstream")
OWN_503 = Outcome(503, body="out of stock", backend=WEB)
OPEN, SILENT = Outcome(connected=True, backend=WEB), Outcome(connected=True, detail="no answer")
OUTSIDE = Outcome(external="198.51.100.7:80")
BLACK_HOLE = Outcome(502, body="", headers=(("server", "envoy"),))
THEIR_502 = Outcome(502, body="", headers=(("server", "envoy"), ("x-envoy-upstream-service-time", "3")))
FORBIDDEN = Outcome(403, headers=(("l5d-proxy-error", "traffic not allowed"),))
THEIR_403 = Outcome(403, body="who are you?")

TCP = {"to": "tcp://web.shop:80"}
GRPC = {"to": "grpc://web.shop/S/M"}
NO_WAY = {"allowed": False}

# name: (kind, what it says beside from and to, answer, result, words of what was seen)
CASES = {
    "redirect": ("redirect", {"location": "http://web/new"}, MOVED, PASS, "redirected 100 %"),
    "redirect elsewhere": ("redirect", {"location": "http://web/"}, MOVED, FAIL, "301 to http://web/new"),
    "redirect by another status": ("redirect", {"location": {"contains": "new"}, "status": 302}, MOVED, FAIL, "301 to"),
    "no redirect": ("redirect", {"location": "x"}, OK, FAIL, "not redirected: 200 from shop/web"),
    "rewrite": ("rewrite", {"path": "/new/a", "host": "new.shop"}, SAW, PASS, ""),
    "rewrite to another path": ("rewrite", {"path": "/new", "host": "x"}, SAW, FAIL, "path /new/a, host new.shop"),
    "rewrite, no echo": ("rewrite", {"path": "/"}, OK, INCONCLUSIVE, "not known"),
    "rewrite, an echo without host": ("rewrite", {"host": "x"}, MUTE, INCONCLUSIVE, "not known"),
    "rewrite, an echo without host and path": ("rewrite", {"host": "x", "path": "/"}, MUTE, INCONCLUSIVE, "not known"),
    "rewrite to another path, an echo without host": ("rewrite", {"host": "x", "path": "/"}, HOSTLESS, FAIL, "path /new/a"),
    "rewrite, not answered": ("rewrite", {"path": "/"}, MISSING, FAIL, "404"),
    "header": ("header", {"request": {"x-by": "istio"}, "response": {"x-to": "me"}}, SAW, PASS, ""),
    "header missing": ("header", {"request": {"x-no": "1"}}, SAW, FAIL, "no request header x-no"),
    "header removed": ("header", {"request": {"x-by": {"absent": True}}}, SAW, FAIL, "request header x-by: istio"),
    "header of the response": ("header", {"response": {"x-to": "you"}}, SAW, FAIL, "response header x-to: me"),
    "header, no echo": ("header", {"request": {"x-by": "istio"}}, OK, INCONCLUSIVE, "not known"),
    "timeout by Istio": ("timeout", {"after": "1s"}, ENVOY_LATE, PASS, "ended after 1 s"),
    "timeout by Linkerd": ("timeout", {"after": "1s"}, LINKERD_LATE, PASS, ""),
    "timeout too early": ("timeout", {"after": "3s"}, ENVOY_LATE, FAIL, "ended after 1.2 to 1.3 s"),
    "timeout late": ("timeout", {"after": "100ms"}, ENVOY_LATE, FAIL, "ended after 1.2 to 1.3 s"),
    "timeout late, as it may be": ("timeout", {"after": "100ms", "at_most": "2s"}, ENVOY_LATE, PASS, ""),
    "timeout, but an answer": ("timeout", {"after": "1s"}, OK, FAIL, "200 from shop/web, not ended by a time limit"),
    "timeout of the application": ("timeout", {"after": "1s"}, OWN_504, FAIL, "not ended by a time limit"),
    "timeout of a connection": ("timeout", {"after": "1s"}, UNCONNECTED, FAIL, "not ended by a time limit"),
    "grpc by name": ("grpc", GRPC | {"status": "UNAVAILABLE"}, GRPC_GONE, PASS, ""),
    "grpc by number": ("grpc", GRPC | {"status": 0}, GRPC_OK, PASS, "OK 100 %"),
    "grpc, another status": ("grpc", GRPC | {"status": "OK"}, GRPC_GONE, FAIL, "UNAVAILABLE 100 %"),
    "grpc, no status": ("grpc", GRPC | {"status": "OK"}, MISSING, FAIL, "no gRPC status: 404"),
    "tcp": ("tcp", TCP, OPEN, PASS, "open"),
    "tcp, closed": ("tcp", TCP, RESET, FAIL, "closed (connection reset"),
    "tcp, silent": ("tcp", TCP, SILENT, INCONCLUSIVE, "not known"),
    "tcp closed": ("tcp", TCP | {"open": False}, RESET, PASS, ""),
    "tcp closed, but open": ("tcp", TCP | {"open": False}, OPEN, FAIL, "open 100 %"),
    "tcp closed, but no name": ("tcp", TCP | {"open": False}, NO_NAME, FAIL, "could not resolve"),
    "refused": ("refused", {}, REFUSED, PASS, ""),
    "refused, says Envoy": ("refused", {}, ENVOY_503, PASS, ""),
    "refused, nobody there": ("refused", {}, NOBODY, PASS, ""),
    "refused, but an application's 503": ("refused", {}, OWN_503, FAIL, "503 from shop/web"),
    "refused, but no name": ("refused", {}, NO_NAME, FAIL, "could not resolve"),
    "refused, but lost": ("refused", {}, LATE, FAIL, "timed out"),
    "egress": ("egress", {}, OUTSIDE, PASS, "let out"),
    "egress answered": ("egress", {}, THEIR_502, PASS, "let out"),
    "egress dialled in vain": ("egress", {}, ENVOY_503, PASS, "let out"),
    "egress, held back by Istio": ("egress", {}, BLACK_HOLE, FAIL, "held back"),
    "egress lost": ("egress", {}, LATE, INCONCLUSIVE, "not known"),
    "no egress, by Istio": ("egress", NO_WAY, BLACK_HOLE, PASS, ""),
    "no egress, by Linkerd": ("egress", NO_WAY, FORBIDDEN, PASS, ""),
    "no egress, but their own 403": ("egress", NO_WAY, THEIR_403, FAIL, "let out"),
    "no egress, but out": ("egress", NO_WAY, OUTSIDE, FAIL, "let out"),
    "no egress, a closed connection alone": ("egress", NO_WAY, RESET, INCONCLUSIVE, "not known"),
    "no egress, and a control that isn't let out": ("egress", NO_WAY | {"control": "http://x.shop/"}, RESET, INCONCLUSIVE, "held back"),
}  # fmt: skip


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("case", CASES)
def test_probing(case: str, basis: Basis):
    kind, says, answer, result, words = CASES[case]
    verdict = judged(kind, CALL | says, Scripted({answer: 1}, basis))
    assert verdict.result is result
    assert words in verdict.seen


def judged(kind: str, says: dict, provider: Scripted, shadow: Scripted | None = None):
    expectation = KINDS[kind].model_validate(says)
    return expectation.judge(Ground(provider, APPS, shadow=shadow, confidence=Confidence(settle=0)))


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        pytest.param(lambda sent: None, 200, id="at once"),
        # The first sample shows the old state; a batch then shows that it is over, and a sample counts.
        pytest.param(lambda sent: {MISSING: 1.0} if sent < 200 else {OK: 1.0}, 420, id="it settles"),
    ],
)
def test_one_sample_shows_what_is_so_at_once(change, sent):
    provider = Scripted({OK: 1.0}, Basis.OBSERVED, change=change)
    expectation = KINDS["response"].model_validate(CALL | {"status": 200})
    verdict = expectation.judge(Ground(provider, APPS, confidence=Confidence(settle=5)))
    assert (verdict.result, verdict.n, provider.sent) == (PASS, 200, sent)


@pytest.mark.parametrize(
    ("says", "answer", "result", "words"),
    [
        ({"status": 200}, OK, PASS, "as expected"),
        ({"status": 200}, MISSING, FAIL, "status 404"),
        ({"backend": "shop/web"}, OK, PASS, "as expected"),
        ({"backend": "shop/other"}, OK, FAIL, "answered by shop/web"),
        ({"closed": True, "control": "http://b/"}, OK, FAIL, "200 from shop/web"),
        # The control gets the same answer.
        ({"closed": True, "control": "http://b/"}, RESET, INCONCLUSIVE, "closed"),
    ],
)
def test_ingress(says, answer, result, words):
    verdict = judged(
        "ingress", {"through": "mesh/door", "to": "https://a.example/x"} | says, Scripted({answer: 1})
    )
    assert verdict.result is result
    assert words in verdict.seen


def test_ingress_is_sent_from_the_host_through_the_gateway():
    expectation = KINDS["ingress"].model_validate(
        {"through": "mesh/door", "to": "https://a.example:8443/x", "status": 200}
    )
    request = expectation.request(Ground(Scripted({})))
    assert (request.source, request.through, request.host, request.port) == (HOST, Workload("mesh", "door"), "a.example", 8443)  # fmt: skip


def test_what_is_closed_counts_beside_a_control_that_is_answered():
    class Door(Scripted):
        def send(self, request, count, *, witness=False):
            self.answers = {OK: 1} if request.host == "a" else {RESET: 1}
            return super().send(request, count)

    verdict = judged(
        "ingress", {"through": "m/d", "to": "http://b/", "closed": True, "control": "http://a/"}, Door({})
    )
    assert verdict.result is PASS
    assert verdict.evidence == ("control: http://a/ is answered: 200 from shop/web",)


FAILS = Outcome(503)
AT = {"at": "shop/web"}

# name: (kind, what it says, answer, arrivals at the server for each request, and for each asked of it, result, words)
COUNTED = {
    "three tries": ("retry", {"tries": 3}, FAILS, 3, 1, PASS, "3 of each request arrive at shop/web"),
    "too few tries": ("retry", {"tries": 3}, FAILS, 2, 1, FAIL, "2 of each"),
    "too many tries": ("retry", {"tries": 3}, FAILS, "13/4", 1, FAIL, "3.25 of each"),
    "no retry": ("retry", {"tries": 1}, FAILS, 1, 1, PASS, ""),
    "no retry of what succeeds": ("retry", {"tries": 1}, OK, 1, 1, INCONCLUSIVE, ""),
    "mirrored": ("mirror", {}, OK, 1, 1, PASS, "1 of each"),
    "not mirrored": ("mirror", {}, OK, 0, 1, FAIL, "0 of each"),
    "mirrored in part": ("mirror", {"share": "25%"}, OK, "1/4", 1, PASS, "0.25 of each"),
    "mirrored too often": ("mirror", {"share": "25%"}, OK, "1/2", 1, FAIL, "0.5 of each"),
    "mirrored twice": ("mirror", {"share": "25%"}, OK, 2, 1, FAIL, "2 of each"),
    "nothing mirrored": ("mirror", {"share": "0%"}, OK, 0, 1, PASS, "0 of each"),
    "nothing mirrored, and nothing counted": ("mirror", {"share": "0%"}, OK, 0, 0, INCONCLUSIVE, ""),
}  # fmt: skip


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("case", COUNTED)
def test_counting(case: str, basis: Basis):
    kind, says, answer, arrivals, own, result, words = COUNTED[case]
    numbers = {"api.shop": Fraction(arrivals), "web.shop": Fraction(own)}
    verdict = judged(
        kind,
        {"from": "shop/web", "to": "http://api.shop/"} | AT | says,
        Scripted({answer: 1}, basis, arrivals=numbers),
    )
    assert verdict.result is result
    assert words in verdict.seen


def test_the_model_beside_a_cluster_counts_too():
    cluster = Scripted({FAILS: 1}, Basis.OBSERVED, arrivals={"web.shop": Fraction(3)})
    model = Scripted({FAILS: 1}, arrivals={"web.shop": Fraction(2)})
    verdict = judged("retry", CALL | AT | {"tries": 3}, cluster, model)
    assert verdict.result is PASS
    assert verdict.predicted == "2 of each request arrive at shop/web"
    assert verdict.drift == "2 of each request arrive at shop/web: predicted, 3 observed"


THERE = Resolution(Workload("shop", "web"), addresses=("10.96.0.7",))
KUBERNETES = {
    "kubernetes.default.svc": Resolution(Workload("default", "kubernetes"), addresses=("10.96.0.1",))
}

NAMES = {
    "a Service": ({"web": THERE}, "shop/web", PASS, "Service shop/web (10.96.0.7)"),
    "another Service": ({"web": THERE}, "shop/api", FAIL, "Service shop/web"),
    "nothing, but something": ({"web": THERE}, "nothing", FAIL, "Service shop/web"),
    "nothing": (KUBERNETES, "nothing", PASS, "nothing"),
    "outside": ({"web": Resolution(outside=True, addresses=("198.51.100.7",))}, "outside", PASS, "outside"),
    "a pod's": ({"web": Resolution(addresses=("10.244.0.9",))}, "outside", FAIL, "addresses of no Service"),
}


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("case", NAMES)
def test_resolves(case: str, basis: Basis):
    names, to, result, words = NAMES[case]
    verdict = judged(
        "resolves", {"from": "shop/web", "name": "web", "to": to}, Scripted({}, basis, names=names)
    )
    assert verdict.result is result
    assert words in verdict.seen


def test_nothing_resolves_where_dns_is_down():
    verdict = judged(
        "resolves", {"from": "shop/web", "name": "web", "to": "nothing"}, Scripted({}, Basis.OBSERVED)
    )
    assert verdict.result is INCONCLUSIVE
    assert "kubernetes.default.svc doesn't resolve either" in verdict.evidence[0]


@pytest.mark.parametrize(
    ("kind", "says", "words"),
    [
        ("rewrite", {}, "say what the server must see"),
        ("header", {}, "say which headers"),
        ("grpc", {"status": "OK"}, "isn't a gRPC call"),
        ("grpc", GRPC | {"status": "UNAVAILABEL"}, "did you mean UNAVAILABLE"),
        ("grpc", GRPC | {"status": 17}, "isn't a gRPC status"),
        ("tcp", {}, "isn't a bare connection"),
        ("egress", {"to": "https://a.example/", "allowed": False}, "name a control"),
        ("egress", {"control": "http://a.example/"}, "a way out at all"),
        ("retry", AT | {"tries": 0}, "greater than or equal to 1"),
        ("mirror", AT | {"share": "half"}, "isn't a share"),
        ("mirror", AT | {"share": "101%"}, "isn't a share"),
        ("timeout", {"after": "2s", "at_most": "1s"}, "at_most is less than after"),
        ("redirect", {"location": "/", "status": 200}, "Input should be 301"),
    ],
)
def test_what_cant_be_meant_is_refused(kind, says, words):
    with pytest.raises(ValidationError, match=words):
        KINDS[kind].model_validate(CALL | says)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({}, "say what the response must have"),
        ({"closed": True}, "closed needs a control"),
        ({"closed": True, "status": 200, "control": "http://a/"}, "status beside closed"),
        ({"to": "tcp://a:80", "status": 200}, "from outside http"),
    ],
)
def test_ingress_that_cant_be_meant(says, words):
    with pytest.raises(ValidationError, match=words):
        KINDS["ingress"].model_validate({"through": "mesh/door", "to": "http://a/"} | says)

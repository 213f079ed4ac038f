"""Expectations on what a stage leaves behind: probes, counters, proxies, findings, equivalence."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.analysis.translate import translate
from harness.base.errors import InputError
from harness.base.settings import Confidence
from harness.base.vocabulary import Mesh, Workload
from harness.expectations import KINDS, Ground, Result
from harness.manifests.files import read_manifests
from harness.scenario import load_scenario
from harness.traffic.observables import Basis, Growth, Pod, Probed, Proxy
from harness.traffic.outcomes import Failure, Outcome
from harness.traffic.status import ReportedCondition, Status, StatusParent
from tests.scripted import Scripted

MANIFESTS = Path(__file__).parents[2] / "manifests"
CONFIGS = Path(__file__).parents[2] / "manifests" / "configs"
PASS, FAIL, INCONCLUSIVE = Result.PASS, Result.FAIL, Result.INCONCLUSIVE

ISTIO, LINKERD = "istio.io/gateway-controller", "linkerd.io/policy-controller"
ACCEPTED = ReportedCondition("Accepted", "True", "Accepted")
UNRESOLVED = ReportedCondition("ResolvedRefs", "False", "BackendNotFound")
EDGE = StatusParent("Gateway", "edge", "gw", "https")
ON_GATEWAY = Status(ISTIO, (ACCEPTED, UNRESOLVED), EDGE)
ON_SERVICE = Status(LINKERD, (ACCEPTED,), StatusParent("Service", "shop", "web"))
OWN = Status("", (ACCEPTED,), open=("Programmed",))
LISTENER = Status("", (ACCEPTED,), listener="https", routes=2, kinds=("GRPCRoute", "HTTPRoute"))

# what is said beside the object, what is reported, result
STATUSES = {
    "it is so": ({"conditions": {"Accepted": True}}, (OWN,), PASS),
    "it isn't": ({"conditions": {"Accepted": False}}, (OWN,), FAIL),
    "the reason": ({"conditions": {"ResolvedRefs": "BackendNotFound"}}, (ON_GATEWAY,), PASS),
    "another reason": ({"conditions": {"ResolvedRefs": "InvalidKind"}}, (ON_GATEWAY,), FAIL),
    "no such condition": ({"conditions": {"Conflicted": False}}, (ON_GATEWAY,), FAIL),
    "all reports": ({"conditions": {"Accepted": True}}, (ON_GATEWAY, ON_SERVICE), PASS),
    "one report isn't so": ({"conditions": {"ResolvedRefs": False}}, (ON_GATEWAY, ON_SERVICE), FAIL),
    "a parent": (
        {"parent": "Gateway edge/gw", "conditions": {"ResolvedRefs": False}},
        (ON_GATEWAY, ON_SERVICE),
        PASS,
    ),
    "a parent's listener": (
        {"parent": "Gateway edge/gw", "listener": "http", "conditions": {"Accepted": True}},
        (ON_GATEWAY,),
        FAIL,
    ),
    "a controller": ({"by": "linkerd", "conditions": {"Accepted": True}}, (ON_GATEWAY, ON_SERVICE), PASS),
    "no such controller": ({"by": "istio", "conditions": {"Accepted": True}}, (ON_SERVICE,), FAIL),
    "a listener": ({"listener": "https", "routes": 2}, (OWN, LISTENER), PASS),
    "other routes": ({"listener": "https", "routes": 1}, (OWN, LISTENER), FAIL),
    "its kinds": ({"listener": "https", "kinds": ["HTTPRoute", "GRPCRoute"]}, (OWN, LISTENER), PASS),
    "other kinds": ({"listener": "https", "kinds": ["HTTPRoute"]}, (OWN, LISTENER), FAIL),
    "nothing is reported": ({"conditions": {"Accepted": True}}, (), FAIL),
    "nobody can say": ({"conditions": {"Programmed": True}}, (OWN,), INCONCLUSIVE),
}


@pytest.mark.parametrize("case", STATUSES)
def test_status(case):
    says, reported, result = STATUSES[case]
    expectation = KINDS["status"].model_validate({"of": "HTTPRoute shop/web", **says})
    verdict = expectation.judge(Ground(Scripted({}, statuses=reported)))
    assert verdict.result is result
    if not reported:
        assert verdict.seen == "no controller reports it"


@pytest.mark.parametrize(
    ("says", "words"),
    [({}, "say conditions, routes or kinds"), ({"routes": 1}, "routes and kinds are a listener's")],
)
def test_a_status_says_what_it_is_about(says, words):
    expectation = KINDS["status"].model_construct(conditions={}, routes=None, kinds=None, listener=None)
    expectation = expectation.model_copy(update=says)
    assert words in next(iter(expectation.faults()))


def test_a_status_is_predicted_beside_a_cluster():
    expectation = KINDS["status"].model_validate({"of": "Gateway edge/gw", "conditions": {"Accepted": True}})
    verdict = expectation.judge(Ground(Scripted({}, statuses=(OWN,)), shadow=Scripted({}, statuses=(OWN,))))
    assert (verdict.result, verdict.predicted) == (PASS, "status: Accepted=True (Accepted)")


LIVES = Probed("web-1", "app livenessProbe", True, "3 times in a row")
READY = Probed("web-1", "app readinessProbe", True, "3 times in a row")
REFUSED = Probed("web-1", "app readinessProbe", False, "403", "past its proxy it answers 200")
BROKEN = Probed("web-1", "app readinessProbe", False, "403")

# name: (what it says beside the workload, what becomes of the probes, result, words of what was seen)
PROBES = {
    "all pass": ({}, (LIVES, READY), PASS, "app livenessProbe passes: 3 times in a row"),
    "one fails": ({}, (LIVES, REFUSED), FAIL, "app readinessProbe fails: 403"),
    "one pod's fails": ({}, (READY, REFUSED), FAIL, "readinessProbe fails"),
    "none is declared": ({}, (), INCONCLUSIVE, "no probe is declared"),
    "it must fail, and does": ({"fails": ["readinessProbe"]}, (LIVES, REFUSED), PASS, "fails: 403"),
    "it must fail, and passes": (
        {"fails": ["readinessProbe"]},
        (LIVES, READY),
        FAIL,
        "readinessProbe passes",
    ),
    "another fails": ({"fails": ["livenessProbe"]}, (LIVES, REFUSED), FAIL, "readinessProbe fails"),
    "it isn't there": ({"fails": ["startupProbe"]}, (LIVES, READY), FAIL, "livenessProbe passes"),
    "nothing would answer": ({"fails": ["readinessProbe"]}, (BROKEN,), INCONCLUSIVE, "fails: 403"),
}


@pytest.mark.parametrize("case", PROBES)
def test_ready(case):
    says, probed, result, words = PROBES[case]
    expectation = KINDS["ready"].model_validate({"workload": "shop/web", **says})
    verdict = expectation.judge(Ground(Scripted({}, probed=probed)))
    assert verdict.result is result
    assert words in verdict.seen
    assert set(expectation.unready()) == ({Workload("shop", "web")} if says else set())


def test_a_refused_probe_tells_its_control():
    expectation = KINDS["ready"].model_validate({"workload": "shop/web", "fails": ["readinessProbe"]})
    verdict = expectation.judge(Ground(Scripted({}, probed=(REFUSED,))))
    assert verdict.evidence == ("control: past its proxy it answers 200",)


# name: (counters' growth, in as much time without requests, is it there; result, words of what was seen)
COUNTERS = {
    "each once": ((200, 0, True), PASS, "istio_requests_total grows by 200"),
    "others' requests, too": ((205, 4, True), PASS, "grows by 205 (and by 4 without the requests)"),
    "one is missing": ((199, 0, True), FAIL, "grows by 199: too little"),
    "each twice": ((400, 0, True), FAIL, "grows by 400: too much"),
    "some twice": ((230, 3, True), FAIL, "too much"),
    "not there": ((0, 0, False), FAIL, "istio_requests_total isn't there"),
}


@pytest.mark.parametrize("case", COUNTERS)
def test_metrics(case):
    (grown, idle, there), result, words = COUNTERS[case]
    growths = (Growth("istio_requests_total", grown, idle, there=there),)
    provider = Scripted({Outcome(200): 1}, Basis.OBSERVED, growths=growths)
    says = {"from": "shop/web", "to": "http://cart/", "mesh": "istio"}
    verdict = KINDS["metrics"].model_validate(says).judge(Ground(provider))
    assert verdict.result is result
    assert words in verdict.seen
    assert verdict.n == 200
    assert verdict.evidence == ("read from a proxy",)


@pytest.mark.parametrize(
    ("answered", "grown", "result"),
    [(0.5, 200, PASS), (0.5, 150, PASS), (0.5, 20, FAIL), (0.0, 0, INCONCLUSIVE)],
)
def test_what_was_not_answered_need_not_be_counted(answered, grown, result):
    """A name that wasn't resolved in time never came to a proxy."""
    answers = {Outcome(200): answered, Outcome(failure=Failure.RESOLVE): 1 - answered}
    provider = Scripted(answers, Basis.OBSERVED, growths=(Growth("request_total", grown),))
    says = {"from": "shop/web", "to": "http://cart/", "mesh": "linkerd"}
    assert KINDS["metrics"].model_validate(says).judge(Ground(provider)).result is result


BOTH = (Proxy(Mesh.LINKERD, native=True), Proxy(Mesh.ISTIO, native=True))
STUCK = Pod("new", BOTH, trouble="double injection: linkerd-proxy never ready")
OLD = Pod("old", BOTH[1:])

PODS = {
    "stuck": ((STUCK,), PASS, "double injection: linkerd-proxy never ready"),
    "stuck beside the pod from before": ((OLD, STUCK), PASS, "old: istio-proxy (native sidecar), ready"),
    "one proxy": ((OLD,), FAIL, "ready"),
    "both, and ready": ((Pod("new", BOTH),), FAIL, "ready"),
    "both, of which one is ready": ((STUCK, Pod("other", BOTH)), FAIL, "other:"),
    "no pod": ((), INCONCLUSIVE, "no pod"),
}


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("case", PODS)
def test_double_injected(case, basis):
    pods, result, words = PODS[case]
    expectation = KINDS["double_injected"].model_validate({"workload": "shop/web"})
    ground = Ground(Scripted({}, basis, running=pods), confidence=Confidence(settle=0))
    verdict = expectation.judge(ground)
    assert verdict.result is result
    assert words in verdict.seen
    assert list(expectation.unready()) == [Workload("shop", "web")]


def test_a_pod_that_gets_ready_late_is_not_doubly_injected(monkeypatch):
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)
    provider = Scripted({}, Basis.OBSERVED, running=(STUCK,))
    polls = iter(((STUCK,), (STUCK,), (Pod("new", BOTH),)))
    provider.pods = lambda workload: next(polls)
    expectation = KINDS["double_injected"].model_validate({"workload": "shop/web"})
    assert expectation.judge(Ground(provider, confidence=Confidence(settle=30))).result is FAIL


APPS = read_manifests(MANIFESTS / "faces")
DELAY = read_manifests(CONFIGS / "faces/istio/smiley-delay.yaml")
GUARDED = read_manifests(CONFIGS / "faces/istio/restrict-smiley.yaml")
FAULT = {"topic": "fault-injection", "severity": "lost", "resource": "VirtualService faces/smiley-delay"}


def ground_of(*config, apps=APPS):
    made = translate([*apps, *config])
    configs = {"istio": config, "linkerd": made.objects}
    return Ground(Scripted({}, Basis.OBSERVED), apps, configs, translations={"linkerd": made})


# name: (the config translated, what the expectation says, result, words of the evidence)
FINDINGS = {
    "included": (DELAY, {"include": ["fault-injection"]}, PASS, ""),
    "included, in full": (DELAY, {"include": [{**FAULT, "field": "spec.http[0].fault"}]}, PASS, ""),
    "of another object": (
        DELAY,
        {"include": [{**FAULT, "resource": "VirtualService faces/other"}]},
        FAIL,
        "not found: lost [fault-injection] VirtualService faces/other",
    ),
    "not included": (DELAY, {"include": ["cors"]}, FAIL, "not found: [cors]"),
    "exactly": (DELAY, {"exactly": [FAULT]}, PASS, ""),
    "exactly, and one more": (DELAY, {"exactly": []}, FAIL, "not expected"),
    "exactly, of a severity": (DELAY, {"exactly": [], "severity": "changed"}, PASS, ""),
    "none": (GUARDED, {"exactly": []}, PASS, ""),
    "none, of nothing": ((), {"exactly": []}, INCONCLUSIVE, "nothing was translated"),
}


@pytest.mark.parametrize("case", FINDINGS)
def test_findings(case):
    config, says, result, words = FINDINGS[case]
    verdict = KINDS["findings"].model_validate({"config": "linkerd", **says}).judge(ground_of(*config))
    assert verdict.result is result
    assert words in " ".join(verdict.evidence)
    assert verdict.basis is Basis.PREDICTED


UNDER = {"before": "istio", "after": "linkerd", "mesh_before": "istio", "mesh_after": "linkerd"}
NO_SERVICE = tuple(one for one in APPS if one.kind != "Service")

EQUIVALENCES = {
    "the same": (GUARDED, APPS, UNDER, PASS, ""),
    "a difference": (DELAY, APPS, UNDER, FAIL, "Service faces/smiley:80: seconds"),
    "an accepted difference": (DELAY, APPS, {**UNDER, "allow": ["faces/smiley:seconds"]}, PASS, ""),
    "another accepted": (DELAY, APPS, {**UNDER, "allow": ["faces/smiley:status"]}, FAIL, "after 5 s"),
    "without the translation": (GUARDED, APPS, {**UNDER, "after": ["istio"]}, FAIL, "refused"),
    "nothing to call": ((), NO_SERVICE, UNDER, INCONCLUSIVE, "nothing was compared"),
}


@pytest.mark.parametrize("case", EQUIVALENCES)
def test_equivalent(case):
    config, apps, says, result, words = EQUIVALENCES[case]
    verdict = KINDS["equivalent"].model_validate(says).judge(ground_of(*config, apps=apps))
    assert verdict.result is result
    assert words in " ".join(verdict.evidence)
    assert verdict.basis is Basis.PREDICTED


def test_the_patches_of_a_translation_count():
    """The gateway gets Linkerd's proxy by a patch, and the route on it goes on as before."""
    ingress = read_manifests(CONFIGS / "faces/istio/ingress.yaml")
    ground = ground_of(*ingress)
    assert ground.translations["linkerd"].patches
    expectation = KINDS["equivalent"].model_validate({**UNDER, "allow": ["istio-system/*"]})
    assert expectation.judge(ground).result is PASS


SCENARIO = """
name: s
apps: [{apps}]
configs:
  written: {config}
  made: {{translate: written}}
stages:
- name: one
  expect:
  - findings: {{config: {named}, exactly: []}}
"""


def test_findings_are_of_translated_configs_alone(tmp_path):
    def written(named):
        path = tmp_path / "s.yaml"
        config = CONFIGS / "faces/istio/smiley-delay.yaml"
        path.write_text(SCENARIO.format(apps=MANIFESTS / "faces", config=config, named=named))
        return load_scenario(path)

    assert written("made").stages[0].checks
    with pytest.raises(InputError, match="unknown translated config 'written'; valid: made"):
        written("written")

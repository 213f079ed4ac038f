"""What the model predicts beside what a cluster showed: when they disagree, and what that does."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from harness.base.errors import HarnessError, NotModelledError
from harness.base.installation import DEFAULT
from harness.base.resources import Resource
from harness.base.settings import Confidence, OnDrift
from harness.base.vocabulary import Mesh, Workload
from harness.expectations import KINDS, Ground, Result
from harness.expectations.base import UNKNOWN
from harness.ground.model import ModelProvider
from harness.run.runner import Runner, RunSettings
from harness.scenario.models import Check, Scenario, Stage
from harness.scenario.steps import Deploy, Install
from harness.traffic.observables import Basis, Pod, Proxy
from harness.traffic.outcomes import Failure, Group, Outcome, Outcomes
from harness.traffic.statistics import disagreement
from harness.traffic.trace import Action, built_in
from tests.scripted import Scripted

WEB, WEB2 = Workload("shop", "web"), Workload("shop", "web2")
A, B = Outcome(200, backend=WEB), Outcome(200, backend=WEB2)
NOBODY = Outcome(200)
DENIED = Outcome(403, body="RBAC: access denied")
RESET = Outcome(failure=Failure.RESET)
WORDY = Outcome(failure=Failure.RESET, detail="Recv failure: Connection reset by peer (curl 56)")
OPEN = (built_in(Action.LEFT_OPEN, "2 pods, one by connection: which gets which share isn't specified"),)
OTHER = (built_in(Action.LEFT_OPEN, "the hash's pods: which pod gets which share isn't specified"),)
CALL = {"from": "shop/web", "to": "http://web.shop/"}


def exact(*groups):
    return Outcomes(tuple(Group(o, Fraction(p), trace[0] if trace else ()) for o, p, *trace in groups))


def sample(**counts):
    kinds = {"a": A, "b": B, "nobody": NOBODY, "denied": DENIED, "reset": WORDY}
    groups = tuple(Group(kinds[name], Fraction(n)) for name, n in counts.items())
    return Outcomes(groups, sum(counts.values()))


HALF = exact((A, "1/2"), (B, "1/2"))


@pytest.mark.parametrize(
    ("name", "predicted", "observed", "differs"),
    [
        ("equal shares", HALF, sample(a=103, b=97), False),
        ("a chance deviation", HALF, sample(a=120, b=80), False),
        ("other shares", HALF, sample(a=160, b=40), True),
        ("what was never predicted, once", exact((A, 1)), sample(a=199, b=1), True),
        ("what was predicted, and never came", exact((A, "9/10"), (DENIED, "1/10")), sample(a=200), True),
        ("a rare one that may be missed", exact((A, "99/100"), (DENIED, "1/100")), sample(a=200), False),
        ("the same failure in other words", exact((RESET, 1)), sample(reset=200), False),
        ("an answer for a failure", exact((RESET, 1)), sample(denied=200), True),
        ("nobody says who answered", exact((A, 1)), sample(nobody=200), False),
        ("some don't say who answered", HALF, sample(a=10, nobody=190), False),
        ("who answered is open", exact((A, "1/2", OPEN), (B, "1/2", OPEN)), sample(a=200), False),
        (
            "who answered is open, whether anybody does isn't",
            exact((A, "1/4", OPEN), (B, "1/4", OPEN), (DENIED, "1/2")),
            sample(a=50, b=150),
            True,
        ),
        (
            "open in two places, which overlap",
            exact((A, "1/4", OPEN + OTHER), (B, "1/4", OPEN), (RESET, "1/2", OTHER)),
            sample(a=1, b=199),
            False,
        ),
    ],
)
def test_only_what_is_proved_is_a_disagreement(name, predicted, observed, differs):
    found = disagreement(predicted, observed, str, Confidence(), UNKNOWN)
    assert bool(found) is differs, found


def test_what_one_side_can_t_tell_isn_t_compared():
    def classify(outcome):
        return UNKNOWN if outcome == NOBODY else str(outcome)

    for predicted, observed in (
        (exact((A, 1)), sample(nobody=200)),
        (exact((NOBODY, 1)), sample(denied=200)),
    ):
        assert disagreement(predicted, observed, classify, Confidence(), UNKNOWN) == ""


def test_a_disagreement_names_both():
    found = disagreement(exact((A, "3/4"), (B, "1/4")), sample(a=40, b=160), str, Confidence(), UNKNOWN)
    assert found == (
        "200 from shop/web: 0.75 predicted, 0.2 observed; 200 from shop/web2: 0.25 predicted, 0.8 observed, "
        "in 200 requests"
    )


@pytest.mark.parametrize(
    ("name", "kind", "written", "here", "model", "drift"),
    [
        (
            "both late, at different times",
            "latency",
            {"at_most": "1s"},
            {"seconds": 5.1},
            {"seconds": 3.0},
            False,
        ),
        ("both too soon", "latency", {"at_least": "4s"}, {"seconds": 0.1}, {"seconds": 0.0}, False),
        ("late here alone", "latency", {"at_most": "1s"}, {"seconds": 5.0}, {"seconds": 0.0}, True),
        ("another body, in other words", "response", {"body": "x"}, {"body": "pod-1"}, {"body": "y"}, False),
        ("a body that the model doesn't know", "response", {"body": "x"}, {"body": "x"}, {}, False),
        ("another status", "response", {"status": 200}, {}, {"status": 503}, True),
    ],
)
def test_classes_that_are_compared(name, kind, written, here, model, drift):
    ground = Ground(
        Scripted({Outcome(**{"status": 200, **here}): 1}, Basis.OBSERVED),
        shadow=Scripted({Outcome(**{"status": 200, **model}): 1}),
        confidence=Confidence(settle=0),
    )
    verdict = KINDS[kind].model_validate({**CALL, **written}).judge(ground)
    assert verdict.predicted
    assert bool(verdict.drift) is drift, verdict.drift


# --- in a run

DEPLOY, INSTALL = Deploy(), (Install({Mesh.ISTIO: DEFAULT}),)
ALLOW = KINDS["allow"].model_validate(CALL)
INJECTED = KINDS["injected"].model_validate({"workload": "shop/web", "mesh": "istio"})


def runner_of(expectation, provider, shadow, on_drift=OnDrift.WARN, steps=(DEPLOY,)):
    check = Check("it", expectation, "x.yaml:1:1", "  1 | x")
    scenario = Scenario(Path("x.yaml"), "x", (), {}, (Stage("istio", steps, (check,)),))
    return Runner(scenario, provider, shadow, RunSettings(Confidence(settle=0), on_drift=on_drift))


def judged(*arguments, **options):
    runner = runner_of(*arguments, **options)
    [stage] = runner.scenario.stages
    return runner.judge(stage, stage.checks[0])


@pytest.mark.parametrize(
    ("on_drift", "result", "told"),
    [
        (OnDrift.FAIL, Result.FAIL, True),
        (OnDrift.WARN, Result.PASS, True),
        (OnDrift.IGNORE, Result.PASS, False),
    ],
)
def test_what_a_disagreement_does(on_drift, result, told):
    verdict = judged(ALLOW, Scripted({A: 1}, Basis.OBSERVED), Scripted({DENIED: 1}), on_drift)
    assert (verdict.result, bool(verdict.drift)) == (result, told)
    assert verdict.predicted == "denied (403) 100 %"


def test_agreement_changes_nothing():
    verdict = judged(ALLOW, Scripted({A: 1}, Basis.OBSERVED), Scripted({B: 1}), OnDrift.FAIL)
    assert (verdict.result, verdict.predicted, verdict.drift) == (Result.PASS, "allowed 100 %", "")


def test_expectations_without_requests_are_predicted_too():
    proxied, bare = Pod("web-1", (Proxy(Mesh.ISTIO, native=True),)), Pod("web-2")
    provider = Scripted({}, Basis.OBSERVED, running=(proxied,))
    verdict = judged(INJECTED, provider, Scripted({}, running=(proxied,)))
    assert (verdict.drift, verdict.predicted) == ("", verdict.seen)
    verdict = judged(INJECTED, provider, Scripted({}, running=(bare,)), OnDrift.FAIL)
    assert verdict.result is Result.FAIL
    assert verdict.drift == (
        "fail predicted (web-2: no proxy), pass observed (web-1: istio-proxy (native sidecar))"
    )


class Unmodelled(Scripted):
    def send(self, request, count, *, witness=False):
        raise NotModelledError("EnvoyFilter shop/x isn't modelled")


def test_what_isn_t_modelled_is_no_drift():
    verdict = judged(ALLOW, Scripted({A: 1}, Basis.OBSERVED), Unmodelled({}), OnDrift.FAIL)
    assert (verdict.result, verdict.drift) == (Result.PASS, "")
    assert verdict.predicted == "not predicted: EnvoyFilter shop/x isn't modelled"


class Refusing(Scripted):
    error = NotModelledError

    def deploy(self, apps):
        raise self.error("EnvoyFilter shop/x isn't modelled")


def test_a_step_that_isn_t_modelled_is_no_drift():
    verdict = judged(ALLOW, Scripted({A: 1}, Basis.OBSERVED), Refusing({}), OnDrift.FAIL)
    assert (verdict.result, verdict.drift) == (Result.PASS, "")
    why = "from stage 'istio' on, not modelled: EnvoyFilter shop/x isn't modelled"
    assert verdict.predicted == f"not predicted: {why}"


def test_a_step_that_the_model_refuses_and_the_cluster_takes_is_drift():
    verdict = judged(ALLOW, Scripted({A: 1}, Basis.OBSERVED), Scripted({}, fail_at="deploy 0"), OnDrift.FAIL)
    assert verdict.result is Result.FAIL
    assert verdict.drift == "from stage 'istio' on, the model disagrees: deploy 0 went wrong"


MESH_CONFIG = Resource(
    "v1",
    "ConfigMap",
    "istio-system",
    "istio",
    {"data": {"mesh": "outboundTrafficPolicy: {mode: REGISTRY_ONLY}\ntrustDomain: estate.example\n"}},
)


def test_the_model_learns_what_was_installed():
    shadow = ModelProvider()
    provider = Scripted({}, Basis.OBSERVED, live=(MESH_CONFIG,))
    judged(INJECTED, provider, shadow, steps=INSTALL)
    held = shadow.state.get("", "ConfigMap", "istio-system", "istio")
    assert held is not None
    assert held.data["data"] == MESH_CONFIG.data["data"]


class Forbidden(Scripted):
    def standing(self, namespaces, meshes):
        raise HarnessError("configmaps is forbidden")


def test_settings_that_can_t_be_read_are_told_and_no_drift():
    runner = runner_of(ALLOW, Forbidden({A: 1}, Basis.OBSERVED), Scripted({A: 1}), steps=INSTALL)
    [stage] = runner.scenario.stages
    verdict = runner.judge(stage, stage.checks[0])
    assert (verdict.result, verdict.drift, verdict.predicted) == (Result.PASS, "", "allowed 100 %")
    assert runner.warnings == ["the model doesn't know what istio is set to: configmaps is forbidden"]

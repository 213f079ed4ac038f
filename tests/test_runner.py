from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import StageError
from harness.expectations import KINDS, Result
from harness.providers.base import Basis
from harness.resources import Resource
from harness.runner import Runner, UnreachableError
from harness.scenario.models import Check, Scenario, Stage
from harness.traffic.outcomes import Outcome
from harness.vocabulary import Mesh
from tests.scripted import Scripted

ALLOW = KINDS["allow"].model_validate({"from": "shop/web", "to": "http://web/"})
CHECK = Check("allow", ALLOW, "x.yaml:1:1", "")
PLAIN = Stage("", (), (), {}, (), (), (), (CHECK,))
STAGES = (
    replace(PLAIN, name="istio", place={"shop": frozenset([Mesh.ISTIO])}, apply=("a",)),
    replace(PLAIN, name="both", install=(Mesh.LINKERD,)),
    replace(PLAIN, name="linkerd", place={"shop": frozenset([Mesh.LINKERD])}, apply=("b",), remove=("a",), restart=("shop",)),
    replace(PLAIN, name="gone", uninstall=(Mesh.ISTIO,)),
)  # fmt: skip
CONFIGS = {name: (Resource("v1", "ConfigMap", "shop", name, {}),) for name in "ab"}
SCENARIO = Scenario(Path("x.yaml"), "n", (Resource("v1", "Service", "shop", "web", {}),), CONFIGS, STAGES)
OK = {Outcome(200): 1.0}

ISTIO_CALLS = ["install istio", "place shop istio", "deploy 1", "apply ConfigMap shop/a"]
LINKERD_CALLS = [
    "install linkerd",
    "apply ConfigMap shop/b",
    "place shop linkerd",
    "restart shop",
    "remove ConfigMap shop/a",
]


def test_stages_are_reached_in_order_and_once():
    provider = Scripted(OK)
    runner = Runner(SCENARIO, provider)
    for index in (0, 0, 2, 3):
        assert runner.judge(STAGES[index], CHECK).result is Result.PASS
    assert provider.calls == [*ISTIO_CALLS, "install linkerd", *LINKERD_CALLS, "uninstall istio"]


def test_an_earlier_stage_is_reached_anew():
    provider = Scripted(OK)
    runner = Runner(SCENARIO, provider)
    runner.reach(1)
    runner.reach(0)
    assert provider.calls == [*ISTIO_CALLS, "install linkerd", "clear", *ISTIO_CALLS]


def test_a_failed_stage_fails_its_own_expectations_and_bars_the_later_ones():
    runner = Runner(SCENARIO, Scripted(OK, fail_at="place shop linkerd"))
    runner.judge(STAGES[1], CHECK)
    for _ in range(2):
        with pytest.raises(StageError, match="stage 'linkerd' wasn't reached: place shop linkerd went wrong"):
            runner.judge(STAGES[2], CHECK)
    with pytest.raises(UnreachableError, match="stage 'linkerd' before it wasn't reached"):
        runner.judge(STAGES[3], CHECK)


def test_a_stage_whose_mesh_is_lacking_can_t_be_reached():
    provider = Scripted(OK, missing={Mesh.LINKERD: "linkerd isn't on PATH"})
    runner = Runner(SCENARIO, provider)
    runner.judge(STAGES[0], CHECK)
    for stage in STAGES[1:]:
        with pytest.raises(UnreachableError, match="stage 'both' needs linkerd: linkerd isn't on PATH"):
            runner.judge(stage, CHECK)
    assert provider.calls == ISTIO_CALLS


def test_closing_clears_what_was_made():
    provider = Scripted(OK)
    runner = Runner(SCENARIO, provider)
    runner.close()
    assert provider.calls == []
    runner.reach(0)
    runner.close()
    assert provider.calls == [*ISTIO_CALLS, "clear"]


def test_the_shadow_is_brought_along():
    provider, shadow = Scripted(OK, Basis.OBSERVED), Scripted({Outcome(403, body=""): 1})
    verdict = Runner(SCENARIO, provider, shadow).judge(STAGES[0], CHECK)
    assert shadow.calls == provider.calls
    assert (verdict.basis, verdict.predicted) == (Basis.OBSERVED, "denied (403) 100 %")


def test_a_shadow_that_can_t_follow_is_left_behind_with_a_warning():
    runner = Runner(SCENARIO, Scripted(OK, Basis.OBSERVED), Scripted(OK, fail_at="deploy 1"))
    assert runner.judge(STAGES[0], CHECK).predicted == ""
    assert "deploy 1 went wrong" in runner.warnings[0]

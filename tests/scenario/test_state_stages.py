"""Stages whose workloads aren't to be ready, that need a ground which can do something, or aren't predicted."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import NotPredictedError
from harness.base.resources import Resource
from harness.expectations import KINDS
from harness.run.runner import Runner, UnreachableError
from harness.scenario.models import Check, Scenario, Stage
from harness.scenario.steps import Deploy
from harness.traffic.outcomes import Outcome
from tests.scripted import Scripted

WEB = {"workload": "shop/web"}
APPS = (Resource("v1", "Service", "shop", "web", {}),)


def judged(provider, kind, says, **stage):
    check = Check("it", KINDS[kind].model_validate(says), "x.yaml:1:1", "")
    made = Stage("one", (Deploy(),), (check,), **stage)
    return Runner(Scenario(Path("x.yaml"), "n", APPS, {}, (made,)), provider).judge(made, check)


@pytest.mark.parametrize(
    ("kind", "says", "calls"),
    [
        ("ready", WEB, ["deploy 1", "check"]),
        ("ready", {**WEB, "fails": ["readinessProbe"]}, ["excuse shop/web", "deploy 1"]),
        ("double_injected", WEB, ["excuse shop/web", "deploy 1"]),
    ],
)
def test_who_is_not_to_be_ready_is_neither_waited_for_nor_checked(kind, says, calls):
    provider = Scripted({})
    judged(provider, kind, says)
    assert provider.calls == calls


def test_a_stage_is_not_reached_where_the_ground_lacks_what_it_needs():
    provider = Scripted({}, unfit={"network-policy": "nothing enforces them"})
    with pytest.raises(UnreachableError, match="stage 'one' needs network-policy: nothing enforces them"):
        judged(provider, "ready", WEB, needs=("network-policy",))
    assert judged(Scripted({}), "ready", WEB, needs=("network-policy",))


def test_what_is_not_predicted_is_skipped():
    def metered(request, count, meter):
        raise NotPredictedError("what they count: nobody knows")

    provider = Scripted({Outcome(200): 1})
    provider.metered = metered
    says = {"from": "shop/web", "to": "http://web/", "mesh": "istio"}
    with pytest.raises(UnreachableError, match="not predicted: what they count: nobody knows"):
        judged(provider, "metrics", says)

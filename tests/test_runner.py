from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.base.errors import HarnessError, InputError, StageError
from harness.base.installation import DEFAULT
from harness.base.resources import ObjectName, Resource
from harness.base.vocabulary import Mesh, Workload
from harness.cluster.ownership.ownership import Entry, Journal
from harness.expectations import KINDS, Result
from harness.ground.condition import Condition
from harness.manifests.patching import Patch
from harness.run.runner import Runner, RunSettings, UnreachableError
from harness.scenario.models import Check, Scenario, Stage
from harness.scenario.steps import (
    Apply,
    Change,
    Deploy,
    Install,
    Place,
    Remove,
    Restart,
    Run,
    Translate,
    Uninstall,
    Wait,
)
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Outcome
from tests.scripted import Scripted

ALLOW = KINDS["allow"].model_validate({"from": "shop/web", "to": "http://web/"})
CHECK = Check("allow", ALLOW, "x.yaml:1:1", "")
ISTIO, LINKERD = Mesh.ISTIO, Mesh.LINKERD


def stage(name: str, *steps, **rest) -> Stage:
    return Stage(name, steps, (CHECK,), **rest)


def resource(name: str, kind: str = "ConfigMap", version: str = "v1", **data) -> Resource:
    metadata = {"name": name, "namespace": "shop"}
    return Resource(
        version, kind, "shop", name, {"apiVersion": version, "kind": kind, "metadata": metadata, **data}
    )


STAGES = (
    stage("istio", Install({ISTIO: DEFAULT}), Place("shop", (ISTIO,)), Deploy(), Apply("a")),
    stage("both", Install({LINKERD: DEFAULT})),
    stage("linkerd", Apply("b"), Place("shop", (LINKERD,)), Restart("shop"), Remove("a")),
    stage("gone", Uninstall(ISTIO)),
)
CONFIGS = {name: (resource(name),) for name in "ab"}
SCENARIO = Scenario(Path("x.yaml"), "n", (resource("web", "Service"),), CONFIGS, STAGES)
OK = {Outcome(200): 1.0}

ISTIO_CALLS = ["install istio", "place shop istio", "deploy 1", "apply ConfigMap shop/a", "check"]
BOTH_CALLS = ["install linkerd", "check"]
LINKERD_CALLS = [
    "apply ConfigMap shop/b",
    "place shop linkerd",
    "restart shop",
    "remove ConfigMap shop/a",
    "check",
]


def scenario(*stages: Stage, **changes) -> Scenario:
    return replace(SCENARIO, stages=stages, **changes)


def test_stages_are_reached_in_order_and_once():
    provider = Scripted(OK)
    runner = Runner(SCENARIO, provider)
    for index in (0, 0, 2, 3):
        assert runner.judge(STAGES[index], CHECK).result is Result.PASS
    assert provider.calls == [*ISTIO_CALLS, *BOTH_CALLS, *LINKERD_CALLS, "uninstall istio", "check"]


def test_an_earlier_stage_is_reached_anew():
    provider = Scripted(OK)
    runner = Runner(SCENARIO, provider)
    runner.reach(1)
    runner.reach(0)
    assert provider.calls == [*ISTIO_CALLS, *BOTH_CALLS, "clear", *ISTIO_CALLS]


ANEW = scenario(
    *STAGES[:2], stage("linkerd", Install({LINKERD: DEFAULT}), Deploy(), anew=True), stage("b", Apply("b"))
)
ANEW_CALLS = ["install linkerd", "deploy 1", "check"]


@pytest.mark.parametrize(
    ("indexes", "calls"),
    [
        ((2,), ANEW_CALLS),
        ((3,), [*ANEW_CALLS, "apply ConfigMap shop/b", "check"]),
        ((0, 2), [*ISTIO_CALLS, "clear", *ANEW_CALLS]),
        ((1, 2, 3), [*ISTIO_CALLS, *BOTH_CALLS, "clear", *ANEW_CALLS, "apply ConfigMap shop/b", "check"]),
        ((2, 0), [*ANEW_CALLS, "clear", *ISTIO_CALLS]),
    ],
)
def test_a_stage_that_begins_anew_needs_none_before_it(indexes, calls):
    provider = Scripted(OK)
    runner = Runner(ANEW, provider)
    for index in indexes:
        runner.reach(index)
    assert provider.calls == calls


@pytest.mark.parametrize("fault", [{"fail_at": "install istio"}, {"missing": {ISTIO: "not here"}}])
def test_a_stage_that_begins_anew_outlives_those_before_it(fault):
    runner = Runner(ANEW, Scripted(OK, **fault))
    with pytest.raises(HarnessError):
        runner.reach(1)
    assert runner.judge(ANEW.stages[3], CHECK).result is Result.PASS


DENY = KINDS["deny"].model_validate({"from": "shop/web", "to": "http://web/"})


@pytest.mark.parametrize(
    ("holds", "asked", "basis", "result"),
    [
        (ALLOW, DENY, Basis.PREDICTED, Result.PASS),
        (ALLOW, ALLOW, Basis.PREDICTED, Result.FAIL),  # what is asked holds as well
        (ALLOW, ALLOW, Basis.OBSERVED, Result.PASS),  # that is for the model to tell
        (DENY, ALLOW, Basis.PREDICTED, Result.FAIL),
    ],
)
def test_what_holds_instead_is_judged_and_what_is_asked_must_not_hold(holds, asked, basis, result):
    check = Check("allow (instead)", holds, "x.yaml:1:1", "", "of a fault", asked)
    verdict = Runner(SCENARIO, Scripted(OK, basis)).judge(STAGES[0], check)
    assert verdict.result is result
    assert "in this stage, because of a fault" in verdict.evidence


def test_a_failed_stage_fails_its_own_expectations_and_bars_the_later_ones():
    runner = Runner(SCENARIO, Scripted(OK, fail_at="place shop linkerd"))
    runner.judge(STAGES[1], CHECK)
    words = "stage 'linkerd' wasn't reached, at `mesh shop: linkerd`: place shop linkerd went wrong"
    for _ in range(2):
        with pytest.raises(StageError, match=words):
            runner.judge(STAGES[2], CHECK)
    with pytest.raises(UnreachableError, match="stage 'linkerd' before it wasn't reached"):
        runner.judge(STAGES[3], CHECK)


def test_what_the_meshes_find_wrong_fails_the_stage():
    runner = Runner(SCENARIO, Scripted(OK, fail_at="check"))
    with pytest.raises(StageError, match="stage 'istio' wasn't reached, at `the meshes' own checks`"):
        runner.judge(STAGES[0], CHECK)


def test_findings_that_a_stage_accepts_are_told_to_the_check():
    provider = Scripted(OK)
    Runner(scenario(stage("one", Deploy(), accepted=("IST0101",))), provider).reach(0)
    assert provider.calls == ["deploy 1", "check IST0101"]


def test_without_checking_the_meshes_aren_t_asked():
    provider = Scripted(OK)
    Runner(SCENARIO, provider, settings=RunSettings(checking=False)).reach(1)
    assert "check" not in provider.calls


def test_a_stage_whose_mesh_is_lacking_can_t_be_reached():
    provider = Scripted(OK, missing={LINKERD: "linkerd isn't on PATH"})
    runner = Runner(SCENARIO, provider)
    runner.judge(STAGES[0], CHECK)
    for one in STAGES[1:]:
        with pytest.raises(UnreachableError, match="stage 'both' needs linkerd: linkerd isn't on PATH"):
            runner.judge(one, CHECK)
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
    assert shadow.calls == provider.calls[:-1], "it isn't checked"
    assert (verdict.basis, verdict.predicted) == (Basis.OBSERVED, "denied (403) 100 %")


def test_a_shadow_that_can_t_follow_is_left_behind_with_a_warning():
    runner = Runner(SCENARIO, Scripted(OK, Basis.OBSERVED), Scripted(OK, fail_at="deploy 1"))
    assert "deploy 1 went wrong" in runner.judge(STAGES[0], CHECK).predicted
    assert "deploy 1 went wrong" in runner.warnings[0]


WEB = Workload("shop", "web")
SERVICE = ObjectName("Service", "shop", "web")
STEPS = {
    "install two": (Install({LINKERD: DEFAULT, ISTIO: DEFAULT}), ["install istio", "install linkerd"]),
    "place a workload": (Place(WEB, (LINKERD,)), ["place shop/web linkerd"]),
    "place it in none": (Place(WEB, ()), ["place shop/web none"]),
    "restart a workload": (Restart(WEB), ["restart shop/web"]),
    "patch": (Change(Patch(SERVICE, {})), ["patch Service shop/web"]),
    "wait": (Wait(Condition(SERVICE, absent=True)), ["wait Service shop/web is gone"]),
}


@pytest.mark.parametrize(("step", "calls"), STEPS.values(), ids=STEPS)
def test_steps(step, calls):
    provider = Scripted(OK)
    Runner(scenario(stage("one", step)), provider, settings=RunSettings(checking=False)).reach(0)
    assert provider.calls == calls


def test_what_another_configuration_holds_is_put_back_not_deleted():
    of_app, of_a, of_b = resource("web", "Service"), resource("x"), resource("x")
    steps = (Apply("a"), Apply("b"), Remove("b"), Remove("a"))
    provider = Scripted(OK)
    configs = {"a": (of_a, resource("only")), "b": (of_b, of_app)}
    Runner(
        scenario(stage("one", *steps), configs=configs), provider, settings=RunSettings(checking=False)
    ).reach(0)
    assert provider.calls == [
        "apply ConfigMap shop/x, ConfigMap shop/only",
        "apply ConfigMap shop/x, Service shop/web",
        "apply ConfigMap shop/x, Service shop/web",
        "remove ConfigMap shop/x, ConfigMap shop/only",
    ]


class TestRun:
    STEP = Run(("echo", "a b"))

    def test_is_refused_unless_allowed(self):
        provider = Scripted(OK, Basis.OBSERVED)
        runner = Runner(scenario(stage("one", self.STEP)), provider)
        with pytest.raises(StageError, match="wants to run `echo 'a b'` on this machine") as caught:
            runner.reach(0)
        assert provider.calls == []
        assert "--harness-allow-run" in caught.value.todo

    def test_runs_where_it_is_allowed(self):
        provider = Scripted(OK, Basis.OBSERVED)
        Runner(scenario(stage("one", self.STEP)), provider, settings=RunSettings(allow_run=True)).reach(0)
        assert provider.calls == ["run echo a b", "check"]

    def test_needs_a_cluster(self):
        runner = Runner(scenario(stage("one", self.STEP)), Scripted(OK), settings=RunSettings(allow_run=True))
        with pytest.raises(UnreachableError, match="stage 'one' needs a cluster: what `echo 'a b'` does"):
            runner.reach(0)


def virtual_service(*weights: int) -> Resource:
    route = [
        {"destination": {"host": f"web{index or ''}", "port": {"number": 80}}, "weight": weight}
        for index, weight in enumerate(weights)
    ]
    spec = {"hosts": ["web"], "http": [{"route": route}]}
    return resource("web", "VirtualService", "networking.istio.io/v1", spec=spec)


TRANSLATED = {"istio": (virtual_service(50, 50),), "linkerd": ()}
SOURCES = {"linkerd": ("istio",)}


class TestTranslate:
    APPS = tuple(resource(name, "Service", spec={"ports": [{"port": 80}]}) for name in ("web", "web1"))

    def runner(self, *steps, live=()):
        provider = Scripted(OK, live=live)
        stages = [stage(str(number), step) for number, step in enumerate(steps)]
        given = scenario(*stages, apps=self.APPS, configs=TRANSLATED, sources=SOURCES)
        return Runner(given, provider, settings=RunSettings(checking=False)), provider

    def test_it_takes_the_objects_as_they_stand(self):
        runner, provider = self.runner(Translate("linkerd"), live=(virtual_service(10, 90),))
        runner.reach(0)
        [route] = runner._site.configs["linkerd"]
        assert [one["weight"] for one in route.data["spec"]["rules"][0]["backendRefs"]] == [10, 90]
        assert provider.calls == ["apply HTTPRoute shop/web"]

    def test_what_is_gone_at_the_source_goes(self):
        runner, provider = self.runner(*[Translate("linkerd")] * 2, live=(virtual_service(10, 90),))
        runner.reach(0)
        provider.live = ()
        runner.reach(1)
        assert provider.calls[1:] == ["remove HTTPRoute shop/web"]


class TestJournal:
    @pytest.fixture(autouse=True)
    def _home(self, tmp_path, monkeypatch):
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def runner(self, provider: Scripted) -> Runner:
        return Runner(SCENARIO, provider, Scripted(OK), journal=Journal("c"))

    def test_each_stage_that_is_reached_is_noted(self):
        runner = self.runner(Scripted(OK))
        runner.reach(2)
        entry = Journal("c").read()
        assert [name for name, _ in entry.stages] == ["istio", "both", "linkerd"]
        assert (entry.applied, entry.memory) == (("b",), {"made": ["shop"]})
        assert entry.scenario == str(Path("x.yaml").resolve())
        runner.close()
        assert Journal("c").read() is None

    def test_a_stage_that_broke_isn_t_noted_but_what_it_made_is(self):
        runner = self.runner(Scripted(OK, fail_at="restart shop"))
        with pytest.raises(StageError):
            runner.reach(2)
        entry = Journal("c").read()
        assert [name for name, _ in entry.stages] == ["istio", "both"]
        assert entry.applied == ("a", "b")

    def test_another_run_goes_on(self):
        self.runner(Scripted(OK)).reach(1)
        provider = Scripted(OK)
        runner = self.runner(provider)
        runner.resume(Journal("c").read())
        runner.reach(2)
        assert provider.calls == ["remember {'made': ['shop']}", *LINKERD_CALLS]
        assert runner.shadow.calls == [
            call for call in (*ISTIO_CALLS, *BOTH_CALLS, *LINKERD_CALLS) if call != "check"
        ], "the model goes all the way"

    def test_the_file_is_private(self, tmp_path):
        Journal("a/b").write(Entry("s", ()))
        [file] = tmp_path.rglob("*.json")
        assert file.stat().st_mode & 0o777 == 0o600
        assert file.parent.stat().st_mode & 0o777 == 0o700
        assert Journal("a/b").read() == Entry("s", ())


@pytest.mark.parametrize(
    "text",
    ["null", "5", '"x"', "[]", "{}", "", "[" * 100_000, '{"scenario": 5, "stages": []}',
     '{"scenario": "s", "stages": [["a"]]}', '{"scenario": "s", "stages": [], "memory": 3}', "\x00"],
    ids=lambda text: text[:30],
)  # fmt: skip
def test_a_journal_that_cannot_be_read_is_told(text: str, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Journal("c").file.write_text(text)
    with pytest.raises(InputError, match="can't be read"):
        Journal("c").read()

"""`during`: how it is written, and what the model foresees of each transition."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.base.errors import HarnessError, InputError, StageError
from harness.expectations import Result
from harness.ground.model import ModelProvider
from harness.run.runner import Runner, UnreachableError
from harness.scenario import load_scenario
from harness.traffic.load import Forecast, Moment
from harness.traffic.observables import Basis
from harness.traffic.outcomes import Group, Outcome, Outcomes
from tests.scripted import Scripted
from tests.shop import APP

OBJECTS = {
    "strict": """\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: shop}
spec: {mtls: {mode: STRICT}}
""",
    "deny": """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: nobody, namespace: shop}
spec: {}
""",
    "allow": """\
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: web, namespace: shop}
spec:
  rules:
  - from: [{source: {principals: [cluster.local/ns/shop/sa/default]}}]
""",
}
HEAD = """\
name: n
apps: [shop]
configs: {strict: manifests/x/strict.yaml, deny: manifests/x/deny.yaml, allow: manifests/x/allow.yaml}
during:
- name: web
  available: {from: shop/client, to: http://web/}
stages:
- name: istio
  mesh: {shop: istio}
- name: next
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for folder in ("shop", "x"):
        (tmp_path / "manifests" / folder).mkdir(parents=True)
    apps = "".join(APP.replace("NAME", name) for name in ("web", "client"))
    (tmp_path / "manifests/shop/apps.yaml").write_text(apps)
    for name, text in OBJECTS.items():
        (tmp_path / f"manifests/x/{name}.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)

    def write(text: str):
        Path("x.yaml").write_text(text)
        return load_scenario(Path("x.yaml"))

    return write


def judge(scenario, name="during: web", provider=None, stage=1):
    runner = Runner(scenario, provider or ModelProvider())
    chosen = scenario.stages[stage]
    return runner.judge(chosen, next(check for check in chosen.checks if check.name == name))


def test_each_transition_has_its_own_item_and_the_first_stage_none(write):
    scenario = write(HEAD + "- name: last\n")
    assert [[check.name for check in stage.checks] for stage in scenario.stages] == [
        [],
        ["during: web"],
        ["during: web"],
    ]
    assert scenario.stages[1].checks[0].where == "x.yaml:5:3"


@pytest.mark.parametrize(
    ("name", "old", "new", "error"),
    [
        (
            "an unknown kind",
            "available:",
            "availble:",
            "unknown expectation 'availble'; did you mean available",
        ),
        ("one of a stage", "available:", "allow:", "unknown expectation 'allow'; valid: available"),
        ("an unknown workload", "shop/client", "shop/clint", "unknown workload 'shop/clint'"),
        ("a rate", "http://web/}", "http://web/, rate: 5}", "5 isn't a rate: write 20/s"),
        ("one stage alone", "- name: next\n", "", "add a second one"),
        ("in a stage", "- name: next\n", "- name: next\n  during: []\n", "'during'"),
    ],
)
def test_wrong_ones_are_told_with_their_place(write, name, old, new, error):
    assert HEAD.count(old) == 1
    with pytest.raises(InputError) as caught:
        write(HEAD.replace(old, new))
    assert error in str(caught.value)
    assert str(caught.value).count(error) == 1


@pytest.mark.parametrize(
    ("name", "steps", "seen"),
    [
        ("nothing is done", "", "all succeed in each of 1 states on the way"),
        ("a restart", "  restart: [shop]\n", "all succeed in each of 2 states on the way"),
        ("the mesh changes", "  mesh: {shop: linkerd}\n", "all succeed in each of 5 states on the way"),
        (
            "the server moves, the client stays",
            "  mesh: {shop/web: linkerd}\n",
            "all succeed in each of 4 states on the way",
        ),
        (
            "authorised before the rest is denied",
            "  apply: [allow, deny]\n",
            "all succeed in each of 3 states",
        ),
        (
            "denied before anybody is authorised",
            "  apply: [deny, allow]\n",
            "after `apply deny`: 403 (envoy) 100 %",
        ),
        (
            "STRICT while the client has left",
            "  steps:\n  - mesh: {shop/client: none}\n  - apply: [strict]\n",
            "after `apply strict`: ",
        ),
        (
            "a policy by identity while all pods leave the mesh",
            "  steps:\n  - apply: [allow]\n  - mesh: {shop: linkerd}\n",
            "during `mesh shop: linkerd`, by old pods of shop/web: 403 (istio-envoy) 100 %",
        ),
        (
            "the same, when the server's pods leave it first",
            "  steps:\n  - apply: [allow]\n  - mesh: {shop/web: linkerd}\n  - mesh: {shop/client: linkerd}\n",
            "all succeed in each of",
        ),
    ],
)
def test_what_the_model_foresees(write, name, steps, seen):
    verdict = judge(write(HEAD + steps))
    assert verdict.seen.startswith(seen), verdict.seen
    assert verdict.result is (Result.PASS if seen.startswith("all") else Result.FAIL)
    assert verdict.basis is Basis.PREDICTED


def test_the_trace_names_the_step_the_object_and_the_field(write):
    [why] = judge(write(HEAD + "  apply: [deny, allow]\n")).explanations
    assert why.label == "403 (envoy) after `apply deny`"
    assert any("AuthorizationPolicy shop/nobody" in str(reason) for reason in why.trace)


def test_a_state_of_a_rollout_says_whose_pods_are_old(write):
    verdict = judge(write(HEAD + "  steps:\n  - apply: [allow]\n  - mesh: {shop: linkerd}\n"))
    [why] = verdict.explanations
    assert (
        str(why.trace[0]) == "a rolling restart: pods of shop/web from before still run, the others are new"
    )


def test_a_failure_that_was_there_before_is_told_as_that(write):
    scenario = write(HEAD.replace("mesh: {shop: istio}", "mesh: {shop: istio}\n  apply: [deny]"))
    assert judge(scenario).seen == "before the first step: 403 (envoy) 100 %"


def test_what_an_earlier_run_did_is_not_judged_in_this_one(write):
    scenario = write(HEAD + "- name: last\n")
    runner = Runner(scenario, ModelProvider())
    runner.reach(1)
    runner._background.clear()  # as after `resume`
    with pytest.raises(UnreachableError, match="an earlier run made the transition to stage 'next'"):
        runner.judge(scenario.stages[1], scenario.stages[1].checks[0])


class Loaded(Scripted):
    """A provider whose loads note what is done to them."""

    def load(self, loads):
        self._note(f"load {', '.join(map(str, loads))}")
        return self

    def step(self, doing):
        self._note(f"step {doing}")

    def end(self):
        self._note("end")
        group = Group(Outcome(200), 1)
        return (Forecast((Moment("", "", Outcomes((group,))),)),)

    def abandon(self):
        self._note("abandon")


def loaded(**rest) -> Loaded:
    return Loaded({Outcome(200): 1.0}, **rest)


LOAD = "load shop/client GET http://web/, 20/s"


def test_a_load_goes_on_through_all_steps_and_the_checks_come_after(write):
    provider = loaded()
    assert judge(write(HEAD + "  apply: [allow]\n"), provider=provider).result is Result.PASS
    at = provider.calls.index(LOAD)
    assert provider.calls[at:] == [
        LOAD,
        "step apply allow",
        "apply AuthorizationPolicy shop/web",
        "end",
        "check",
    ]


def test_a_load_ends_when_a_step_fails(write):
    provider = loaded(fail_at="apply AuthorizationPolicy shop/web")
    with pytest.raises(StageError, match="stage 'next' wasn't reached, at `apply allow`"):
        judge(write(HEAD + "  apply: [allow]\n"), provider=provider)
    assert provider.calls[-1] == "end"


def test_a_load_is_abandoned_at_an_interrupt(write, monkeypatch):
    provider = loaded()
    monkeypatch.setattr(provider, "apply", lambda resources: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        judge(write(HEAD + "  apply: [allow]\n"), provider=provider)
    assert provider.calls[-1] == "abandon"


def test_a_load_is_abandoned_if_its_own_end_is_interrupted(write, monkeypatch):
    provider = loaded()
    monkeypatch.setattr(provider, "end", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        judge(write(HEAD), provider=provider)
    assert provider.calls[-1] == "abandon"


@pytest.mark.parametrize("at", [LOAD, "step apply allow", "end"])
def test_a_load_that_can_t_be_sent_fails_nothing_and_shows_nothing(write, at):
    provider = loaded(fail_at=at)
    verdict = judge(write(HEAD + "  apply: [allow]\n"), provider=provider)
    assert (verdict.result, verdict.seen) == (Result.INCONCLUSIVE, f"{at} went wrong\n  do:  mend it")
    assert "apply AuthorizationPolicy shop/web" in provider.calls


def test_what_is_not_modelled_on_the_way_is_inconclusive(write, monkeypatch):
    def refuse(self):
        raise HarnessError("it isn't modelled")

    monkeypatch.setattr("harness.ground.forecasting.Forecasting.end", refuse)
    verdict = judge(write(HEAD))
    assert (verdict.result, verdict.seen) == (Result.INCONCLUSIVE, "it isn't modelled")


def test_the_model_beside_a_cluster_is_asked_too(write):
    scenario = write(HEAD + "  apply: [deny]\n")
    cluster = loaded(basis=Basis.OBSERVED)
    runner = Runner(scenario, cluster, ModelProvider())
    runner.reach(1)
    here, beside = runner._background["next"]
    assert isinstance(here.course("during: web"), Forecast)
    forecast = beside.forecast("during: web")
    assert isinstance(forecast, Forecast)
    assert [moment.when for moment in forecast.moments] == ["before the first step", "after `apply deny`"]

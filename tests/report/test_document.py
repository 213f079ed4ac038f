"""The document of a run: what it holds, how workers and problems come into it, its published schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest

import harness.report.document
from harness.base import HarnessError, InputError
from harness.base.vocabulary import Mesh, Workload
from harness.ground.model import ModelProvider
from harness.report.document.calls import truth_of
from harness.report.document.files import read
from harness.report.document.models import Judgement, Truth, schema
from harness.traffic.outcomes import Failure, Hop, Outcome
from tests.plugin.test_plugin import SCENARIO

if TYPE_CHECKING:
    from harness.report.document.models import Document, Scenario

WEB = Workload("shop", "web")
MUTUAL, PLAIN = Hop(mutual=True, mesh=Mesh.ISTIO), Hop(mutual=False)


def run(shop: pytest.Pytester, *options: str) -> Document:
    shop.runpytest("scenarios", "--report-json", "report.json", *options)
    return read(shop.path / "report.json")


def judged(document: Document) -> dict[str, list[str]]:
    return {
        row.name: [str(verdict.result) for verdict in row.verdicts]
        for scenario in document.scenarios
        for row in scenario.expectations
    }


def test_schema_is_published_as_it_is():
    published = Path(harness.report.document.__file__).with_name("schema.json")
    assert json.loads(published.read_text()) == schema(), "write it anew: see docs/report.md"


def test_document_holds_the_run(shop: pytest.Pytester):
    document = run(shop)
    jsonschema_rs.validator_for(schema()).validate(json.loads((shop.path / "report.json").read_text()))
    assert judged(document) == {
        "web answers": ["pass", "pass"],
        "forty to sixty": ["pass"],
        "half and half": ["fail"],
    }
    [made], [scenario] = document.runs, document.scenarios
    assert (made.provider, made.basis, made.status) == ("model", "predicted", 1)
    assert made.versions["istio"]
    assert made.settings["false-fail"] == 1e-6
    before, canary = scenario.stages
    assert [step.doing for step in before.steps] == ["install istio", "mesh shop: istio", "deploy the apps"]
    assert {(held.name, *held.meshes) for held in canary.workloads} == {
        ("web", "istio"),
        ("web2", "istio"),
        ("client", "istio"),
    }
    [fail] = scenario.expectations[2].verdicts
    assert "half and half" in fail.source
    assert [(share.label, share.expected, share.seen) for share in fail.shares] == [
        ("shop/web", 0.5, 0.4),
        ("shop/web2", 0.5, 0.6),
    ]
    assert fail.call
    assert {(str(edge.target), edge.truth, edge.mesh, edge.share) for edge in fail.call.edges} == {
        ("shop/web", Truth.MUTUAL, "istio", 0.4),
        ("shop/web2", Truth.MUTUAL, "istio", 0.6),
    }
    weights = [scenario.steps[step] for trace in fail.traces for step in trace.steps]
    assert any(step.place and step.place.file.endswith("canary.yaml") and step.place.line for step in weights)


def test_a_move_is_a_change(shop: pytest.Pytester):
    moved = SCENARIO.replace("  apply: [canary]\n", "  apply: [canary]\n  mesh: {shop: linkerd}\n")
    (shop.path / "scenarios/canary.yaml").write_text(moved)
    [scenario] = run(shop).scenarios
    assert [stage.changes for stage in scenario.stages] == [(), ("shop: istio → linkerd",)]


def test_workers_send_their_parts(shop: pytest.Pytester):
    for name in ("b", "c"):
        (shop.path / f"scenarios/{name}.yaml").write_text(SCENARIO)
    alone, shared = run(shop), run(shop, "-n", "2")
    assert steps_apart(alone) == steps_apart(shared)
    assert alone.runs[0].versions == shared.runs[0].versions
    assert shared.not_run == ()


def steps_apart(document: Document) -> list[Scenario]:
    """Its scenarios without what takes another time in each run."""
    return [
        scenario.model_copy(
            update={"stages": tuple(each.model_copy(update={"steps": ()}) for each in scenario.stages)}
        )
        for scenario in document.scenarios
    ]


def test_what_is_deselected_says_so(shop: pytest.Pytester):
    document = run(shop, "-k", "half or web")
    assert judged(document)["forty to sixty"] == ["not run"]
    assert document.not_run == ()


def test_what_was_not_come_to_is_told(shop: pytest.Pytester):
    (shop.path / "scenarios/z.yaml").write_text(SCENARIO)
    document = run(shop, "-x")
    assert len(document.not_run) == 4
    assert [scenario.file for scenario in document.scenarios] == ["scenarios/canary.yaml"]


def test_a_file_that_cannot_be_read_is_a_problem(shop: pytest.Pytester):
    (shop.path / "scenarios/broken.yaml").write_text("name: broken\n")
    document = run(shop)
    assert [problem.where for problem in document.problems] == ["scenarios/broken.yaml"]
    assert document.runs[0].status == pytest.ExitCode.INTERRUPTED


def test_versions_that_nobody_may_read_change_no_verdict(
    shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
):
    def forbidden(self):
        raise HarnessError("forbidden")

    monkeypatch.setattr(ModelProvider, "versions", forbidden)
    document = run(shop)
    assert document.runs[0].versions == {}
    assert [verdict.result for row in document.scenarios[0].expectations for verdict in row.verdicts].count(
        Judgement.PASS
    ) == 3


def test_a_fault_of_the_harness_is_a_problem(shop: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    def fault(*_: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("harness.plugin.session.Runs.runner", fault)
    document = run(shop, "-k", "before")
    assert [problem.where for problem in document.problems] == ["scenarios/canary.yaml::before::web answers"]
    assert document.not_run == ("scenarios/canary.yaml::before::web answers",)


@pytest.mark.parametrize(
    ("outcome", "truth"),
    [
        (Outcome(status=200, backend=WEB, hop=MUTUAL), Truth.MUTUAL),
        (Outcome(status=200, backend=WEB, hop=PLAIN), Truth.PLAINTEXT),
        (Outcome(status=500, backend=WEB, hop=MUTUAL), Truth.MUTUAL),
        (Outcome(status=403, body="RBAC: access denied", hop=MUTUAL), Truth.DENIED),
        (Outcome(failure=Failure.RESET), Truth.DENIED),
        (Outcome(failure=Failure.TIMEOUT, hop=Hop(mutual=True, refused=True)), Truth.DENIED),
        (Outcome(failure=Failure.TIMEOUT), Truth.FAILED),
        (Outcome(status=503), Truth.FAILED),
        (Outcome(status=301, backend=WEB, hop=MUTUAL), Truth.REDIRECTED),
        (Outcome(external="example.org:443"), Truth.EGRESS),
        (Outcome(status=200), Truth.PROXY),
        (Outcome(status=200, backend=WEB), Truth.UNKNOWN),
        (Outcome(connected=True), Truth.UNKNOWN),
    ],
    ids=str,
)
def test_truth(outcome: Outcome, truth: Truth):
    assert truth_of(outcome) is truth


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it isn't JSON"),
        ("[]", "its version is None"),
        ('{"version": 2}', "its version is 2, and this release reads 1"),
        ('{"version": 1}', "made_by"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, words: str):
    file = tmp_path / "report.json"
    file.write_text(text)
    with pytest.raises(InputError, match=words):
        read(file)


def test_judgements_are_results_and_what_has_none():
    assert {str(each) for each in Judgement} == {"pass", "fail", "inconclusive", "skip", "not run"}

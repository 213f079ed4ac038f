"""--drift and --record as pytest users meet them, on a cluster that is a model with surprises."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
import yaml

from harness.ground.choice import Choice
from harness.traffic.outcomes import Outcome
from tests.drawn import Drawn
from tests.plugin.test_plugin import APP, INI

SCENARIO = """\
name: shop
apps: [shop]
stages:
- name: istio
  mesh: {shop: istio}
  expect:
  - name: web answers
    allow: {from: shop/client, to: http://web/}
"""

ANOTHER = Outcome(201)


@pytest.fixture(scope="module", autouse=True)
def _scipy():
    """Imports what can't be imported anew in each test, as pytester would have it."""
    import scipy.special  # noqa: F401


@pytest.fixture
def run(pytester, monkeypatch):
    """Runs the scenario on a cluster that answers so, and as the model does if with nothing."""
    pytester.makeini(INI)
    folder = pytester.mkdir("manifests") / "shop"
    folder.mkdir()
    (folder / "apps.yaml").write_text("".join(APP.replace("NAME", name) for name in ("web", "client")))
    (pytester.mkdir("scenarios") / "shop.yaml").write_text(SCENARIO)

    def run(*options, surprise=None):
        monkeypatch.setattr(Choice, "make", lambda _: Drawn(surprise))
        common = ("-W", "default", "--provider", "kind", "--settle", "0")
        return pytester.runpytest_inprocess("scenarios", *common, *options)

    return run


DENIED = Outcome(403, body="RBAC: access denied")


def test_agreement_is_shown(run):
    result = run("-rA", "--drift", "fail")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["observed: allowed 100 %", "predicted: allowed 100 %"])


def test_a_failure_shows_both(run):
    result = run(surprise=DENIED)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "expected: allowed 100 %",
            "observed: allowed 0 %, denied (403) 100 %",
            "predicted: allowed 100 %",
            "model drift: *allowed: 1 predicted, 0 observed*in 200 requests",
            "why allowed:",
        ]
    )


NOBODY = """\
name: shop
apps: [shop]
stages:
- name: istio
  mesh: {shop: istio}
  expect:
  - name: nobody answers
    response: {from: shop/client, to: http://web/, status: 201}
"""


@pytest.mark.parametrize(
    ("options", "outcomes", "warned"),
    [
        (["--drift", "warn"], {"passed": 1, "warnings": 1}, True),
        ([], {"passed": 1, "warnings": 1}, True),
        (["--drift", "ignore"], {"passed": 1}, False),
        (["--drift", "fail"], {"failed": 1}, True),
    ],
)
def test_what_drift_does_to_what_holds(run, pytester, options, outcomes, warned):
    (pytester.path / "scenarios" / "shop.yaml").write_text(NOBODY)
    result = run(*options, "--junitxml", "out.xml", surprise=ANOTHER)
    result.assert_outcomes(**outcomes)
    told = "model drift: otherwise: 1 predicted, 0 observed; as expected: 0 predicted, 1 observed, in 200 requests"
    assert (told in result.stdout.str()) is warned
    assert ("MODEL DRIFT" in result.stdout.str()) is warned
    assert "predicted" in ET.parse(pytester.path / "out.xml").find(".//property[@name='harness']").get(
        "value"
    )


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--drift", "loud"], "*--harness-drift: *fail, ignore, warn*"),
        (
            ["--provider", "model", "--record", "x.yaml"],
            "*--harness-record: nothing is observed on the model*",
        ),
    ],
)
def test_wrong_usage(run, options, why):
    result = run(*options)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([why])


def test_a_record(run, pytester):
    run("--record", "seen/here/shop.yaml", surprise=ANOTHER)
    told = yaml.safe_load((pytester.path / "seen/here/shop.yaml").read_text())
    assert told["versions"] == {"kubernetes": "1.34.4"}
    [case] = told["cases"]
    assert case["id"] == "scenarios-shop-istio"
    assert {data["kind"] for data in case["objects"]} == {"Namespace", "Deployment", "Service"}
    [request] = case["requests"]
    assert request["observed"] == [{"status": 201, "count": 200}]

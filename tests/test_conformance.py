"""`harness conformance`: verdicts on the Gateway API's tests become a report in its format."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.report.conformance import Case, Run, data, holds, text, unknown
from tests.shop import APP

if TYPE_CHECKING:
    from pathlib import Path

CORE = [
    "MeshBasic", "MeshHTTPRouteMatching", "MeshHTTPRouteRedirectHostAndStatus", "MeshHTTPRouteRequestHeaderModifier",
    "MeshHTTPRouteSimpleSameNamespace", "MeshHTTPRouteWeight", "MeshTrafficSplit",
]  # fmt: skip
EXTENDED = [
    "MeshHTTPRouteBackendRequestHeaderModifier", "MeshHTTPRouteNamedRule", "MeshHTTPRouteQueryParamMatching",
    "MeshHTTPRouteRedirectPath", "MeshHTTPRouteRedirectPort", "MeshHTTPRouteRewritePath",
    "MeshHTTPRouteSchemeRedirect",
]  # fmt: skip
OTHERS = [
    "MeshFrontend",
    "MeshFrontendHostname",
    "MeshConsumerRoute",
    "MeshPorts",
    "MeshHTTPRoute303Redirect",
]
RUN = Run("istio", {"istio": "1.31.0", "gateway-api": "1.6.1/standard"}, predicted=False, date="2026-01-02")


def case(name: str, result: str = "pass", because: str = "", seen: str = "seen") -> Case:
    suffix = " (instead)" if because else ""
    return Case.of({"name": f"{name}: a case{suffix}", "result": result, "because": because, "seen": seen})


def report(*changes: Case, without: tuple[str, ...] = ()):
    return data(RUN, cases(*changes, without=without))


def cases(*changes: Case, without: tuple[str, ...] = ()) -> list[Case]:
    names = [test for test in (*CORE, *EXTENDED, *OTHERS) if test not in without]
    return [*map(case, names), *changes]


def counts(status) -> tuple[str, int, int, int]:
    figures = status["statistics"]
    return status["result"], figures["Passed"], figures["Failed"], figures["Skipped"]


def test_a_report_says_whose_it_is():
    whole = report()
    assert {key: whole[key] for key in whole if key not in ("profiles", "implementation")} == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ConformanceReport",
        "date": "2026-01-02",
        "gatewayAPIVersion": "v1.6.1",
        "gatewayAPIChannel": "standard",
        "mode": "default",
        "succeededProvisionalTests": ["MeshHTTPRoute303Redirect", "MeshHTTPRouteNamedRule"],
    }
    assert (whole["implementation"]["project"], whole["implementation"]["version"]) == ("istio", "1.31.0")
    assert holds(RUN, cases())


def test_what_passes_is_counted_in_its_profile():
    """As Istio's published reports count them [gateway-api: conformance/reports]."""
    [profile] = report()["profiles"]
    assert (profile["name"], profile["summary"]) == (
        "MESH-HTTP", "Core tests succeeded. Extended tests succeeded.",
    )  # fmt: skip
    assert counts(profile["core"]) == ("success", 7, 0, 0)
    assert counts(profile["extended"]) == ("success", 7, 0, 0)
    assert "unsupportedFeatures" not in profile["extended"]
    assert "MeshClusterIPMatching" in profile["extended"]["supportedFeatures"]


@pytest.mark.parametrize(
    ("change", "core", "extended", "unsupported"),
    [
        # A feature that the mesh is said not to have isn't counted; its test is of this profile, or of none.
        (case("MeshHTTPRouteRewritePath", because="x"), ("success", 7, 0, 0), ("success", 6, 0, 0),
         ["MeshHTTPRouteRewritePath"]),
        (case("MeshFrontendHostname", because="x"), ("success", 7, 0, 0), ("success", 7, 0, 0),
         ["MeshClusterIPMatching"]),
        (case("MeshHTTPRoute303Redirect", because="x"), ("success", 7, 0, 0), ("success", 7, 0, 0), []),
        # A core test that isn't met is a failure, whatever is said of it.
        (case("MeshHTTPRouteWeight", because="x"), ("failure", 6, 1, 0), ("success", 7, 0, 0), []),
        # Nor is what fails, or isn't proven, a missing feature.
        (case("MeshHTTPRouteRewritePath", "fail"), ("success", 7, 0, 0), ("failure", 6, 1, 0), []),
        (case("MeshHTTPRouteRewritePath", "inconclusive"), ("success", 7, 0, 0), ("partial", 6, 0, 1), []),
        (case("MeshBasic", "skip"), ("partial", 6, 0, 1), ("success", 7, 0, 0), []),
        (case("MeshBasic", "fail", "x"), ("failure", 6, 1, 0), ("success", 7, 0, 0), []),
    ],
)  # fmt: skip
def test_what_does_not_pass(change, core, extended, unsupported):
    whole = report(change)
    [profile] = whole["profiles"]
    assert (counts(profile["core"]), counts(profile["extended"])) == (core, extended)
    assert profile["extended"].get("unsupportedFeatures", []) == unsupported
    assert holds(RUN, cases(change)) is (core[0] == extended[0] == "success"), (
        "what isn't proven doesn't hold"
    )


@pytest.mark.parametrize("result", ["fail", "inconclusive", "skip"])
def test_what_is_of_no_profile_counts_too(result):
    assert not holds(RUN, cases(case("MeshFrontend", result)))
    assert not holds(RUN, [])


def test_a_test_that_nobody_asked_for_is_skipped():
    [profile] = report(without=("MeshBasic",))["profiles"]
    assert profile["core"]["skippedTests"] == ["MeshBasic"]
    assert profile["summary"].startswith("Core tests partially succeeded with 1 test skips.")


def test_comments_say_why():
    lines = text(RUN, [*map(case, CORE), case("MeshFrontendHostname", because="it goes by names"),
                       case("MeshBasic", "fail", seen="status 503 100 %")]).splitlines()  # fmt: skip
    assert lines[:3] == [
        "# MeshFrontendHostname isn't met (a case): it goes by names",
        "# MeshBasic failed (a case): status 503 100 %",
        "# Tests of no profile: MeshFrontendHostname isn't met.",
    ]
    assert yaml.safe_load("\n".join(lines))["profiles"][0]["core"]["failedTests"] == ["MeshBasic"]


def test_other_names_are_no_tests_of_the_api():
    assert unknown([case("MeshBasic"), case("MeshBasics"), case("web answers")]) == (
        "MeshBasics",
        "web answers",
    )


SCENARIO = """\
name: n
apps: [shop]
always:
- name: "MeshTrafficSplit: web answers"
  response: {from: shop/client, to: http://web/, status: STATUS}
stages:
- {name: istio, mesh: {shop: istio}}
- {name: linkerd, anew: true, mesh: {shop: linkerd}}
"""


def run(folder: Path, scenario: str, *options: str):
    (folder / "manifests/shop").mkdir(parents=True)
    apps = "".join(APP.replace("NAME", name) for name in ("web", "client"))
    (folder / "manifests/shop/apps.yaml").write_text(apps)
    scenarios = folder / "scenarios/conformance"
    scenarios.mkdir(parents=True)
    (scenarios / "s.yaml").write_text(scenario)
    plain = ("-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    return CliRunner().invoke(app, ["conformance", "--scenarios", str(scenarios), *plain, *options])


@pytest.mark.parametrize("status", [200, 201])
def test_the_command_prints_a_report_for_each_mesh(tmp_path: Path, status: int):
    done = run(tmp_path, SCENARIO.replace("STATUS", str(status)))
    reports = list(yaml.safe_load_all(done.stdout))
    assert [(each["implementation"]["version"], each["mode"]) for each in reports] == [
        ("1.31", "predicted"), ("edge-26.8", "predicted"),
    ]  # fmt: skip
    assert [each["gatewayAPIVersion"] for each in reports] == ["v1.6", "v1.6"]
    assert done.exit_code == {200: 0, 201: 1}[status]
    assert ("# MeshTrafficSplit failed" in done.stdout) is (status == 201)


def test_the_command_takes_one_mesh_and_pytests_options(tmp_path: Path):
    done = run(tmp_path, SCENARIO.replace("STATUS", "200"), "--mesh", "linkerd", "--collect-only")
    assert done.stdout.count("ConformanceReport") == 1


@pytest.mark.parametrize(
    ("scenario", "options", "words"),
    [
        (
            SCENARIO.replace("MeshTraffic", "MeshFreight"),
            (),
            "'MeshFreightSplit' is no test of the Gateway API",
        ),
        (SCENARIO, ("--provider", "kidn"), "did you mean kind?"),
        ("name: 5", (), "'name': must be text, not 5"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path: Path, scenario: str, options, words: str):
    done = run(tmp_path, scenario.replace("STATUS", "200"), *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr


def test_the_command_needs_scenarios(tmp_path: Path):
    done = CliRunner().invoke(app, ["conformance", "--scenarios", str(tmp_path / "none")])
    assert done.exit_code == 2
    assert "name a folder that has them" in done.stderr

"""The command: what it prints, what it fails for, and where its settings come from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.analysis.lint import RULES, Report, Trap
from harness.analysis.lint.rule import CHECKS
from harness.base.errors import not_modelled
from harness.base.places import Position
from harness.cli import app
from harness.report.lint import PAGE, page
from harness.report.sarif import lint as sarif
from tests.model.clusters import resource

TRAPS = "manifests/configs/faces/linkerd/color-split-ports.yaml"  # one error: route-without-parent
FACES = ("manifests/faces", TRAPS)
BROKEN = """
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: w, namespace: faces}
spec:
  labels: {a: b}
  address: ''
"""
FOREIGN = (
    "apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f, namespace: faces}\n"
)


def lint(*args):
    return CliRunner().invoke(app, ["lint", *map(str, args)])


@pytest.fixture
def settings(tmp_path, monkeypatch, request):
    """Writes a table of settings, runs in a folder below it, and returns where it stands."""
    root = request.config.rootpath

    def write(table):
        file = tmp_path / "pyproject.toml"
        file.write_text(f"[tool.harness.lint]\n{table}")
        below = tmp_path / "below"
        below.mkdir(exist_ok=True)
        monkeypatch.chdir(below)
        return [root / path for path in FACES]

    return write


def test_traps_have_their_place_and_are_counted():
    result = lint(*FACES)
    assert result.exit_code == 1
    assert (
        f"{TRAPS}:5:1: error: HTTPRoute faces/color-split spec: has no parentRefs [route-without-parent]"
        in (result.stdout)
    )
    assert result.stdout.endswith("1 error\n")


@pytest.mark.parametrize(
    "options",
    [
        ("--ignore", "route-without-parent"),
        ("--ignore", "route-*"),
        ("--select", "IST0101"),
        ("--select", "virtual-*"),
    ],
)
def test_rules_are_chosen(options):
    result = lint(*FACES, *options)
    assert result.exit_code == 0
    assert result.stdout == "served kinds: gateway-api 1.6/standard\nno known trap\n"


@pytest.mark.parametrize(
    ("options", "status"),
    [((), 1), (("--fail-on", "error"), 1), (("--fail-on", "info"), 1), (("--fail-on", "never"), 0)],
)
def test_a_severity_fails(options, status):
    assert lint(*FACES, *options).exit_code == status


@pytest.mark.parametrize(
    ("table", "status"),
    [
        ("", 1),
        ('ignore = ["route-without-parent"]', 0),
        ('fail-on = "never"', 0),
        ('severity = {"route-without-parent" = "info"}', 0),
        ('severity = {"route-without-parent" = "info"}\nfail-on = "info"', 1),
        ('severity = {"route-*" = "warning"}\nfail-on = "error"', 0),
        ('select = ["IST0101"]', 0),
        ('per-file-ignores = {"*.yaml" = ["route-without-parent"]}', 0),
        ('per-file-ignores = {"other/*" = ["route-without-parent"]}', 1),
    ],
)
def test_settings_stand_above_the_folder(settings, table, status):
    assert lint(*settings(table)).exit_code == status


def test_options_go_over_settings(settings):
    assert lint(*settings('fail-on = "never"'), "--fail-on", "warning").exit_code == 1


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("ignroe = []", "unknown key 'ignroe'\n  do:  did you mean ignore?"),
        ('ignore = ["rout-without-parent"]', "did you mean route-without-parent?"),
        ('ignore = "IST0101"', 'must be a list of rules\n  do:  write ["IST0101"]'),
        ('severity = {"route-*" = "bad"}', "severity.route-*: unknown severity 'bad'"),
        ('severity = "error"', "severity: must be a table"),
        ('fail-on = "errors"', "did you mean error?"),
        ("baseline = 1", "baseline: must be a path"),
        ("ignore = [", "pyproject.toml can't be read"),
    ],
)
def test_wrong_settings_are_named(settings, table, words):
    result = lint(*settings(table))
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_table_beside_is_an_error(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.harness.lnit]\n")
    monkeypatch.chdir(tmp_path)
    result = lint(tmp_path)
    assert result.exit_code == 2
    assert "[tool.harness]: unknown key 'lnit'\n  do:  did you mean lint?" in result.stderr


@pytest.mark.parametrize("text", ["rule: [", "a: [b]\n---\nc: [d]\n", "a: b\n", "a: [b]\na: [c]\n"])
def test_what_is_no_baseline_is_told(tmp_path, text):
    file = tmp_path / "b.yaml"
    file.write_text(text)
    result = lint(*FACES, "--baseline", file)
    assert (result.exit_code, str(file) in result.stderr) == (2, True)
    assert "unicode" not in result.stderr


def test_a_rule_is_explained_by_its_code():
    result = lint("--explain", "IST0101")
    assert result.exit_code == 0
    assert "## virtual-service-destination-missing" in result.stdout


@pytest.mark.parametrize("option", ["--ignore", "--select", "--explain"])
def test_an_unknown_rule_is_an_error(option):
    result = lint(*FACES, option, "rout-without-parent")
    assert result.exit_code == 2
    assert "did you mean route-without-parent?" in result.stderr
    assert len(result.stderr) < 500


def test_a_baseline_knows_what_is_there_wherever_it_moves(tmp_path):
    baseline, file = tmp_path / "known.yaml", tmp_path / "route.yaml"
    result = lint(*FACES, "--baseline", baseline, "--write-baseline")
    assert (result.exit_code, result.stdout) == (0, f"wrote 1 trap to {baseline}\n")
    assert (
        "route-without-parent:\n- 'HTTPRoute faces/color-split: has no parentRefs'\n" in baseline.read_text()
    )

    file.write_text("# moved\n\n" + Path(TRAPS).read_text())
    result = lint("manifests/faces", file, "--baseline", baseline)
    assert result.exit_code == 0
    assert result.stdout.endswith("1 error (1 in the baseline)\n")
    assert "has no parentRefs" not in result.stdout

    file.write_text(
        file.read_text() + "\n---\n" + file.read_text().replace("name: color-split", "name: another")
    )
    result = lint("manifests/faces", file, "--baseline", baseline)
    assert result.exit_code == 1
    assert "HTTPRoute faces/another spec: has no parentRefs" in result.stdout
    assert result.stdout.endswith("2 errors (1 in the baseline)\n")

    result = lint("manifests/faces", "--baseline", baseline)
    assert result.exit_code == 0
    assert "gone: 1 of the baseline" in result.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--write-baseline",), "name its file by --baseline"),
        (("--baseline", "nowhere.yaml"), "the baseline nowhere.yaml can't be read"),
        (("--baseline", TRAPS), "is no baseline"),
    ],
)
def test_a_baseline_that_is_none(options, words):
    result = lint(*FACES, *options)
    assert result.exit_code == 2
    assert words in result.stderr


def test_the_data():
    content = json.loads(lint(*FACES, "--json").stdout)
    (trap,) = content["traps"]
    assert trap["rule"] == "route-without-parent"
    assert (trap["severity"], trap["in_baseline"]) == ("error", False)
    assert trap["docs"] == "docs/lint-rules.md#route-without-parent"
    assert content["summary"] == {"error": 1, "warning": 0, "info": 0}
    assert content["served"] == {"by": ["gateway-api 1.6/standard"], "not_evaluated": []}


def test_code_scanning_gets_rules_places_and_what_is_known(tmp_path):
    (run,) = json.loads(lint(*FACES, "--sarif").stdout)["runs"]
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]
    assert rule["id"] == result["ruleId"] == "route-without-parent"
    assert rule["help"]["markdown"].startswith(f"{RULES['route-without-parent'].title}. (error")
    assert (result["ruleIndex"], result["level"], result["suppressions"]) == (0, "error", [])
    place = result["locations"][0]["physicalLocation"]
    (line,) = [line for line in lint(*FACES).stdout.splitlines() if line.startswith(TRAPS)]
    said = f"{TRAPS}:{place['region']['startLine']}:{place['region']['startColumn']}:"
    assert line.startswith(said)
    assert place["artifactLocation"]["uri"] == TRAPS

    known = tmp_path / "known.yaml"
    lint(*FACES, "--baseline", known, "--write-baseline")
    (again,) = json.loads(lint(*FACES, "--baseline", known, "--sarif").stdout)["runs"][0]["results"]
    assert again == {**result, "suppressions": [{"kind": "external"}]}
    assert lint(*FACES, "--sarif", "--json").exit_code == 2


@pytest.mark.parametrize(
    ("source", "uri"),
    [
        ("a b/c.yaml", "a%20b/c.yaml"),
        (str(Path.cwd() / "d.yaml"), "d.yaml"),
        ("/far/e.yaml", "file:///far/e.yaml"),
    ],
)
def test_files_are_named_from_where_the_command_runs(source, uri):
    trap = next(iter(RULES.values()))
    at = Position(source, 3, 4)
    found = Trap(trap, trap.severity, resource("Service", "shop/web", "{}"), "spec", "what", "why", "fix", at)
    (run,) = sarif.data(Report((found,), stopped={"a-rule": "it isn't modelled"}))["runs"]
    (result,), (noted,) = run["results"], run["invocations"][0]["toolExecutionNotifications"]
    assert noted["message"]["text"] == "a-rule: not checked to the end: it isn't modelled"
    place = {"artifactLocation": {"uri": uri}, "region": {"startLine": 3, "startColumn": 4}}
    assert result["locations"][0]["physicalLocation"] == place


def test_what_an_api_refuses_is_an_error_at_its_field(tmp_path):
    file = tmp_path / "host.yaml"
    file.write_text(BROKEN)
    result = lint("manifests/faces", file)
    assert result.exit_code == 1
    assert (
        f'{file}:7:3: error: WorkloadEntry faces/w spec.address: admission webhook "validation.istio.io" '
        in (result.stdout)
    )
    assert "[refused-by-api]" in result.stdout


WAYPOINT = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: w, namespace: faces}
spec: {gatewayClassName: istio-waypoint, listeners: [{name: mesh, port: 15008, protocol: HBONE}]}
"""
MISPLACED = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: faces}
spec:
  hosts: [color]
  http:
  - route: [{destination: {host: color}, timeout: 1s}]
"""


@pytest.mark.parametrize(
    ("document", "words", "status"),
    [
        (
            MISPLACED,
            "error: VirtualService faces/v spec.http[0].route[0].timeout: networking.istio.io/v1 VirtualService has no such field there",
            1,
        ),
        (MISPLACED.replace("http:", "htp:"), "do:  did you mean http? (or move it to where it belongs)", 1),
        (
            WAYPOINT,
            "info: Gateway faces/w spec.gatewayClassName: isn't looked at: istio-waypoint is for ambient mode",
            0,
        ),
    ],
)
def test_what_the_api_lacks_is_told_from_what_the_model_lacks(tmp_path, document, words, status):
    file = tmp_path / "object.yaml"
    file.write_text(document)
    result = lint("manifests/faces", file)
    assert words in result.stdout
    assert "refused-by-api" not in result.stdout
    assert result.exit_code == status


ELSEWHERE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: v, namespace: faces}
spec:
  hosts: [color]
  gateways: [mesh, edge/front]
  http:
  - route: [{destination: {host: stock.warehouse.svc.cluster.local, subset: v1}}]
"""


def test_what_may_stand_in_other_manifests_is_counted(tmp_path):
    file = tmp_path / "object.yaml"
    file.write_text(ELSEWHERE)
    result = lint("manifests/faces", file)
    assert result.exit_code == 0
    assert [line for line in result.stdout.splitlines() if line.startswith("not checked: ")] == [
        f"not checked: 1 reference to a {kind} where the manifests hold none"
        for kind in ("DestinationRule", "Gateway", "Service")
    ]
    content = json.loads(lint("manifests/faces", file, "--json").stdout)
    assert content["not_checked"]["no_objects_of_kind"] == {"Service": 1, "DestinationRule": 1, "Gateway": 1}


def test_a_rule_that_can_not_go_on_is_named(monkeypatch):
    def undecided(_):
        raise not_modelled(resource("Service", "faces/face", {}), "spec.ports", "it is odd")

    monkeypatch.setitem(CHECKS.own, "route-without-parent", undecided)
    result = lint("manifests/faces")
    assert "not checked to the end: route-without-parent: " in result.stdout
    assert "Service faces/face spec.ports isn't modelled" in result.stdout


def test_what_nobody_looks_at_is_said_and_does_not_fail(tmp_path):
    file = tmp_path / "filter.yaml"
    file.write_text(FOREIGN)
    result = lint("manifests/faces", file)
    assert "info: EnvoyFilter faces/f: isn't looked at" in result.stdout
    assert (result.exit_code, result.stdout[-7:]) == (0, "1 info\n")
    assert lint("manifests/faces", file, "--fail-on", "info").exit_code == 1


@pytest.mark.parametrize(
    ("names", "status"), [("route-without-parent", 0), ("IST0101, route-*", 0), ("'*'", 0), ("IST0101", 1)]
)
def test_an_object_may_be_left_alone(tmp_path, names, status):
    file = tmp_path / "route.yaml"
    marks = f"annotations: {{galley.istio.io/analyze-suppress: '{names.strip(chr(39))}'}}, name: color-split"
    file.write_text(Path(TRAPS).read_text().replace("name: color-split", marks))
    assert lint("manifests/faces", file).exit_code == status


def test_rules_are_listed_and_explained():
    assert "route-without-parent: error: A route without parentRefs" in lint("--rules").stdout
    result = lint("--explain", "virtual-service-same-host")
    assert result.stdout.startswith("## virtual-service-same-host\n")
    assert "(error, in istioctl IST0109)" in result.stdout
    assert "*host*" in result.stdout


def test_the_page_is_that_of_the_rules():
    assert Path(PAGE).read_text() == page(), "python -m harness.report.lint > docs/lint-rules.md"


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_where_it_comes_from(rule):
    assert rule.title[0].isupper() or not rule.title[0].isalpha()
    assert not rule.title.endswith(".")
    assert rule.source.startswith(("https://", "docs/"))
    assert rule.words

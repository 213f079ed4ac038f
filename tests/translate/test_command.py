"""`harness translate`, from files to files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from harness.cli import app
from harness.manifests.files import read_manifests

ROOT = Path(__file__).parents[2]
FACES = ("manifests/faces", "manifests/configs/faces/istio")


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


def translate(*arguments: str):
    return CliRunner().invoke(app, ["translate", *arguments])


def test_faces_split_becomes_the_corrected_route_and_all_is_proven():
    result = translate(*FACES)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.splitlines()[-1].startswith("proven: ")
    made = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(result.stdout)}
    (corrected,) = read_manifests(ROOT / "manifests/configs/faces/linkerd/color-split-http.yaml")
    assert made["HTTPRoute", "color-split"] == corrected.data


def test_each_object_says_where_it_comes_from_and_each_finding_where_its_field_is():
    result = translate(*FACES, "--no-prove")
    assert (
        "# from VirtualService faces/color-split (manifests/configs/faces/istio/color-split.yaml:1:1)"
        in result.stdout
    )
    assert "# from AuthorizationPolicy faces/restrict-faces (manifests/configs/faces/istio/" in result.stdout
    assert (
        "manifests/configs/faces/istio/smiley-delay.yaml:7:5: lost [fault-injection] "
        "VirtualService faces/smiley-delay spec.http[0].fault\n" in result.stderr
    )


def test_files_are_stable_and_replaced(tmp_path: Path):
    folder = tmp_path / "made"
    assert translate(*FACES, "-o", str(folder), "--no-prove").exit_code == 0
    first = {file: file.read_text() for file in folder.rglob("*.*")}
    assert {file.name for file in first} == {
        "cluster.yaml", "faces.yaml", "istio-system.yaml", "findings.txt", "istio-system.deployment.istio-ingressgateway.json"
    }  # fmt: skip
    stale = folder / "gone.yaml"
    stale.write_text(first[folder / "faces.yaml"])
    assert translate(*FACES, "-o", str(folder), "--no-prove").exit_code == 0
    assert {file: file.read_text() for file in folder.rglob("*.*")} == first
    assert read_manifests(folder)


def test_somebody_elses_file_is_left_alone(tmp_path: Path):
    (tmp_path / "faces.yaml").write_text("mine: true\n")
    result = translate(*FACES, "-o", str(tmp_path), "--no-prove")
    assert result.exit_code == 2
    assert "faces.yaml: would be replaced, but isn't from a translation" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["faces.yaml"]


ESTATE = """
apiVersion: v1
kind: Namespace
metadata: {name: shop, annotations: {linkerd.io/inject: enabled}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [$HTTP]}
"""
ROUTE = "route: [{destination: {host: web}}]"

# a rule, the last line, the severities that fail
SUMMARIES = {
    "nothing": (f"{{{ROUTE}}}", "1 translated; nothing lost or changed", ()),
    "check": (f"{{{ROUTE}, naem: x}}", "1 translated; 1 check", ("check",)),
    "changed": (
        f"{{{ROUTE}, retries: {{attempts: 2, retryOn: reset}}}}",
        "1 translated; 1 changed",
        ("changed", "check"),
    ),
    "lost": (
        f"{{{ROUTE}, fault: {{abort: {{httpStatus: 500}}}}, naem: x}}",
        "1 translated; 1 lost, 1 check",
        ("lost", "changed", "check"),
    ),
}


@pytest.mark.parametrize(("rule", "last", "failing"), SUMMARIES.values(), ids=SUMMARIES)
def test_the_last_line_counts_and_the_exit_status_is_asked_for(
    tmp_path: Path, rule: str, last: str, failing: tuple[str, ...]
):
    file = tmp_path / "it.yaml"
    file.write_text(ESTATE.replace("$HTTP", rule))
    assert translate(str(file), "--no-prove").stderr.splitlines()[-1] == last
    for severity in ("lost", "changed", "check"):
        result = translate(str(file), "--no-prove", "--fail-on", severity)
        assert result.exit_code == (severity in failing)


def test_json_has_the_findings_with_their_places_and_the_totals(tmp_path: Path):
    file = tmp_path / "it.yaml"
    file.write_text(ESTATE.replace("$HTTP", f"{{{ROUTE}, fault: {{abort: {{httpStatus: 500}}}}}}"))
    told = json.loads(translate(str(file), "--json").stdout)
    finding, *estate = told["findings"]
    assert [each["id"] for each in estate] == ["bytes-on-http", "reset-answer"]
    assert finding.pop("why")
    assert finding.pop("do")
    assert finding == {
        "id": "fault-injection",
        "severity": "lost",
        "kind": "VirtualService",
        "object": "VirtualService shop/web",
        "field": "spec.http[0].fault",
        "rule": "",
        "file": str(file),
        "line": 14,
        "column": 67,
    }
    assert told["totals"] == {
        "translated": 1, "kept": 0, "written": 1, "lost": 1, "changed": 0, "check": 2, "repaired": 0
    }  # fmt: skip
    assert [one["kind"] for one in told["objects"]] == ["HTTPRoute"]


SERVICE = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: it}\n"

POLICY = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: it}\n"

# a file, the error
BAD = {
    "no YAML": ("a: [", "bad.yaml:2:1: not YAML"),
    "no object": ("- 1\n", "bad.yaml:1:1: not a Kubernetes object"),
    "no kind": ("apiVersion: v1\n", "bad.yaml:1:1: not a Kubernetes object: kind is missing"),
    "no name": ("apiVersion: v1\nkind: Service\n", "bad.yaml:1:1: Service without metadata.name"),
    "half an object": (
        SERVICE + "spec: {hosts: [it], http: [{route: [{}]}]}\n",
        "bad.yaml:4:37: VirtualService default/it spec.http[0].route[0].destination is missing",
    ),
    "wrong type": (SERVICE + "spec: {hosts: it}\n", "bad.yaml:4:8: VirtualService default/it spec.hosts must be a list"),
    "no duration": (
        SERVICE + "spec: {hosts: [it], http: [{timeout: soon, route: [{destination: {host: it}}]}]}\n",
        "bad.yaml:4:29: VirtualService default/it spec.http[0].timeout: 'soon' isn't a duration",
    ),
    "unknown kind": (
        "---\napiVersion: networking.istio.io/v1\nkind: VirtualServce\nmetadata: {name: it}\n",
        "bad.yaml:3:1: unknown kind VirtualServce in networking.istio.io\n  do:  did you mean VirtualService?",
    ),
    "unknown kind of Kubernetes'": (
        "apiVersion: apps/v1\nkind: Deployement\nmetadata: {name: it}\n",
        "bad.yaml:2:1: unknown kind Deployement in apps/v1\n  do:  did you mean Deployment?",
    ),
    "unknown version": (SERVICE.replace("/v1", "/v2"), "bad.yaml:1:1: VirtualService default/it: networking.istio.io has no version v2"),
    "unknown group": (SERVICE.replace("networking.", "network."), "bad.yaml:1:1: unknown API group network.istio.io"),
    "no address": (
        POLICY + "spec: {rules: [{from: [{source: {ipBlocks: [$IP]}}]}]}\n",
        "bad.yaml:4:25: AuthorizationPolicy default/it spec.rules[0].from[0].source: '$IP' is no address",
    ),
    "no port": (
        POLICY + "spec: {rules: [{to: [{operation: {ports: [http]}}]}]}\n",
        "bad.yaml:4:43: AuthorizationPolicy default/it spec.rules[0].to[0].operation.ports[0] must be a number",
    ),
    "half a Service": (
        "apiVersion: v1\nkind: Service\nmetadata: {name: it}\nspec: {ports: [{name: http}]}\n",
        'bad.yaml:4:16: The Service "it" is invalid: spec.ports[0].port: Required value',
    ),
    "half a delegate": (
        SERVICE + "spec: {hosts: [it], http: [{match: [{uri: /}], delegate: {name: leaf}}]}\n---\n"
        + SERVICE.replace("it}", "leaf}") + "spec: {http: [{match: [{uri: {exact: /}}]}]}\n",
        "bad.yaml:4:38: VirtualService default/it spec.http[0].match[0].uri must be a mapping",
    ),
    "template": (
        SERVICE + "spec: {hosts: ['{{ .Values.host }}']}\n",
        "bad.yaml:4:16: VirtualService default/it: an unrendered template\n  why: {{ .Values.host }}",
    ),
    "template that isn't YAML": ("metadata:\n  {{- toYaml .Values.x }}\n", "bad.yaml:2:"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_named_by_its_place_and_nothing_is_written(tmp_path: Path, text: str, message: str):
    (tmp_path / "bad.yaml").write_text(text)
    result = translate(str(tmp_path / "bad.yaml"), "-o", str(tmp_path / "made"))
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert not (tmp_path / "made").exists()


# arguments, the error
WRONG = {
    "nothing": ([], "nothing to translate\n  do:  name manifests"),
    "other mesh": (["x", "--to", "consul"], "can't translate to 'consul'"),
    "tool for Istio": (
        ["x", "--to", "istio", "--using", "ingress2gateway"],
        "reads Istio's configuration alone",
    ),
    "other tool": (["x", "--using", "sed"], "unknown translator 'sed'"),
    "both": (["x", "--context", "y"], "--context goes with neither"),
    "output of no tool": (["x", "--tool-output", "y"], "--tool-output goes with --using ingress2gateway"),
    "no such severity": (["x", "--fail-on", "all"], "no findings are 'all'"),
    "no such file": (["no/such.yaml"], "no/such.yaml: can't be read"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_wrong_arguments(arguments: list[str], message: str):
    result = translate(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


def test_the_tool_must_be_there(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    result = translate("manifests/configs/faces/istio/color-split.yaml", "--using", "ingress2gateway")
    assert result.exit_code == 2
    assert "ingress2gateway isn't on PATH" in result.stderr

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness import __version__
from harness.base import InputError
from harness.cli import app
from harness.expectations import KINDS
from harness.manifests.objects import Reading
from harness.manifests.revision import at_revision

ROOT = Path(__file__).parents[1]
SCENARIOS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "scenarios").rglob("*.yaml"))


def invoke(*arguments: str):
    return CliRunner().invoke(app, arguments)


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


def test_check_says_what_is_in_each_file():
    result = invoke("check", "scenarios")
    assert result.exit_code == 0
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == SCENARIOS


def test_check_fails_for_a_broken_file_and_goes_on(tmp_path: Path):
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: 5\n")
    result = invoke("check", str(broken), SCENARIOS[0])
    assert result.exit_code == 1
    assert "'name': must be text, not 5" in result.stderr
    assert SCENARIOS[0] in result.stdout


@pytest.mark.parametrize("path", ["docs", "no/such/file.yaml"])
def test_check_says_when_there_is_nothing(path: str):
    result = invoke("check", path)
    assert result.exit_code
    assert path in result.stderr


def test_the_schema_knows_every_expectation():
    schema = json.loads(invoke("schema").stdout)
    assert set(schema["$defs"]["Expectation"]["properties"]) == {"name", "instead", *KINDS}
    assert schema["properties"]["stages"]


def test_the_version():
    assert invoke("--version").stdout.splitlines()[0] == f"mesh-migration-harness {__version__}"


SIDES = ("manifests/configs/faces/istio", "manifests/configs/faces/linkerd/color-split-http.yaml")
BETWEEN = ("--with", "manifests/faces", "--mesh-before", "istio", "--mesh-after", "linkerd")


def test_compare_tells_differences_unless_they_are_accepted():
    result = invoke("compare", *SIDES, *BETWEEN)
    assert result.exit_code == 1
    assert "Service faces/smiley:80: seconds" in result.stdout
    assert (
        "before by: VirtualService faces/smiley-delay spec.http[0].fault.delay: delays by 5 s"
        in result.stdout
    )
    assert invoke("compare", *SIDES, *BETWEEN, "--allow", "*s*/*", "--allow", "*:mesh").exit_code == 0


def test_compare_shares_its_work_out():
    alone, shared = (invoke("compare", *SIDES, *BETWEEN, "--json", "--jobs", number) for number in "12")
    assert shared.exit_code == 1
    told = [json.loads(result.stdout) for result in (alone, shared)]
    first, second = (sorted(map(json.dumps, each.pop("differences"))) for each in told)
    assert first == second
    assert told[0] == told[1]


def test_compare_with_a_translation():
    result = invoke(
        "compare", "manifests/configs/faces/istio", "manifests/faces", "--translate", "--allow", "*:mesh"
    )
    assert result.exit_code == 1
    assert "Service faces/smiley:80: seconds" in result.stdout


def test_compare_with_a_revision(tmp_path: Path):
    def git(*words: str):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    shutil.copytree("manifests/configs/faces/istio", tmp_path / "faces")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    words = ("compare", str(tmp_path / "faces"), "--with", "manifests/faces", "--git", "HEAD")
    assert invoke(*words).exit_code == 0
    delay = tmp_path / "faces/smiley-delay.yaml"
    delay.write_text(delay.read_text().replace("fixedDelay: 5s", "fixedDelay: 6s"))
    result = invoke(*words, "--markdown")
    assert result.exit_code == 1
    assert "### slower" in result.stdout
    data = json.loads(invoke(*words, "--json").stdout)
    steps = [step for each in data["differences"] for step in each["before"]["trace"]]
    assert any(
        "spec.http[0].fault.delay: delays by 5 s (HEAD:faces/smiley-delay.yaml:" in step for step in steps
    )
    unknown = invoke(*words[:-1], "nothing")
    assert unknown.exit_code == 2
    assert "no such revision" in unknown.stderr


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl isn't on PATH")
def test_places_at_a_revision_are_those_of_git(tmp_path: Path):
    def git(*words: str):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    (tmp_path / "base").mkdir()
    (tmp_path / "base/estate.yaml").write_text(ESTATE)
    (tmp_path / "base/kustomization.yaml").write_text("resources: [estate.yaml]\n")
    (tmp_path / "broken.yaml").write_text("apiVersion: [\nkind: X\n")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    with at_revision("HEAD", [tmp_path]) as revision:
        manifests = revision.read(Reading())
        places = [str(each.place("spec.hosts")) for each in manifests.resources]
    assert places[-1] == "HEAD:base/estate.yaml:18:8"
    assert [each.path for each in manifests.unread] == ["HEAD:broken.yaml:3:1"]
    with at_revision("HEAD", [tmp_path / "broken.yaml"]) as revision, pytest.raises(InputError) as failed:
        revision.read(Reading())
    assert failed.value.where == "HEAD:broken.yaml:3:1"


def test_compare_reads_standard_input_once(tmp_path: Path):
    for words in (("-", "-"), ("-", "manifests/faces", "--with", "-"), ("-", "--git", "HEAD")):
        result = invoke("compare", *words)
        assert (result.exit_code, result.stderr.splitlines()[0]) == (2, "standard input can be read once")
    (tmp_path / "a.yaml").write_text(ESTATE)
    result = CliRunner().invoke(app, ["compare", "-", str(tmp_path / "a.yaml")], input=ESTATE)
    assert result.exit_code == 0
    assert CliRunner().invoke(app, ["compare", "--translate", "-"], input=ESTATE).exit_code == 1


def test_what_allow_does_not_know_is_told():
    result = invoke("compare", *SIDES, *BETWEEN, "--allow", "*:wrods")
    assert result.exit_code == 2
    assert (
        "--allow *:wrods: no difference is of the part 'wrods'\n  do:  did you mean words?" in result.stderr
    )
    result = invoke("compare", *SIDES, *BETWEEN, "--allow", "faces/smily", "--allow", "faces/smiley")
    assert "--allow faces/smily: there is no such difference\n" in result.stderr
    assert "faces/smiley:" not in result.stderr


PLACES = {
    "a folder that is a file": ("translate", "manifests/faces", "-o", "{file}"),
    "a folder in a file": ("translate", "manifests/faces", "-o", "{file}/x"),
    "a scenario in a file": ("suggest", "manifests/faces", "manifests/configs/faces/istio", "-o", "{file}/x.yaml"),
    "a baseline in a file": ("lint", "manifests/faces", "--baseline", "{file}/b.yaml", "--write-baseline"),
}  # fmt: skip


@pytest.mark.parametrize("words", PLACES.values(), ids=PLACES)
def test_where_nothing_can_be_written_is_told(tmp_path: Path, words: tuple[str, ...]):
    file = tmp_path / "file"
    file.write_text("")
    result = invoke(*(word.format(file=file) for word in words))
    assert result.exit_code == 2, result.exception
    assert "can't be written" in result.stderr


def test_discover_needs_something_to_look_at(tmp_path: Path):
    result = invoke("discover", str(tmp_path))
    assert result.exit_code == 2
    assert "there is no object to look at" in result.stderr


def test_compare_ends_with_2_for_what_it_cannot_read(tmp_path: Path):
    result = invoke("compare", SIDES[0], str(tmp_path / "none.yaml"))
    assert result.exit_code == 2
    assert "can't be read" in result.stderr


ESTATE = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: l5d/echo:v1, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec: {hosts: [web], http: [{route: [{destination: {host: web}}]}]}
"""
# what lies beside an estate on both sides; the exit status, what is told
BESIDE = {
    "nothing": ("", "", 0, "nothing says which mesh holds the namespaces, so Istio is taken"),
    "an object that the API refuses": (
        "old.yaml", ESTATE.partition("---")[0].replace("apps/v1", "apps/v1beta1").replace("name: web,", "name: old,"),
        1, 'Deployment shop/old: not decided: no matches for kind "Deployment" in version "apps/v1beta1"',
    ),
    "a field that isn't modelled": (
        "rule.yaml", "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: r, namespace: shop}\n"
        "spec: {address: 192.0.2.1, network: n}\n",
        1, "WorkloadEntry shop/r spec.network: not decided",
    ),
    "a kind that can move traffic": (
        "filter.yaml", "apiVersion: networking.istio.io/v1\nkind: EnvoyFilter\nmetadata: {name: f, namespace: shop}\n"
        "spec: {configPatches: [{applyTo: HTTP_FILTER, patch: {operation: INSERT_BEFORE, value: {name: x}}}]}\n",
        1, "EnvoyFilter shop/f spec.configPatches[0]: not modelled: it changes the proxies' own configuration",
    ),
    "a kind that can't": (
        "cert.yaml", "apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c, namespace: shop}\n",
        0, "kinds that aren't read, applied as they are: 1 Certificate.cert-manager.io",
    ),
    "a template": ("t.yaml", "apiVersion: v1\nkind: Service\nmetadata: {name: {{ .Values.name }}}\n", 1, "a template ({{ … }}): render it"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "status", "words"), BESIDE.values(), ids=BESIDE)
def test_compare_is_green_only_where_all_is_decided(tmp_path: Path, name, text, status, words):
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "estate.yaml").write_text(ESTATE)
        if name:
            (tmp_path / side / name).write_text(text)
    result = invoke("compare", str(tmp_path / "before"), str(tmp_path / "after"))
    assert (result.exit_code, words in result.output) == (status, True), result.output
    strict = invoke("compare", "--strict", str(tmp_path / "before"), str(tmp_path / "after"))
    assert strict.exit_code == (2 if name else 0)


QUIET = {
    "lint": (("lint", *SIDES[1:], "manifests/faces"), 1),
    "compare": (("compare", SIDES[0], "manifests/configs/faces/egress", "--with", "manifests/faces"), 1),
    "check": (("check", SCENARIOS[0]), 0),
}


@pytest.mark.parametrize("command", QUIET)
def test_quiet_leaves_the_sum_and_the_exit_status(command: str):
    words, lines = QUIET[command]
    loud, quiet = invoke(*words), invoke(*words, "-q")
    assert quiet.exit_code == loud.exit_code
    assert quiet.stdout.splitlines() == loud.stdout.splitlines()[-lines:] * bool(lines)
    assert quiet.stderr == loud.stderr


def test_a_quiet_translation_tells_its_sums():
    words = ("translate", "manifests/faces", SIDES[0])
    loud, quiet = invoke(*words), invoke(*words, "--quiet")
    assert (quiet.exit_code, quiet.stdout) == (loud.exit_code, loud.stdout)
    assert quiet.stderr.splitlines()[-2:] == loud.stderr.splitlines()[-2:]
    assert quiet.stderr.splitlines()[-1].startswith("proven: ")
    assert " why: " not in quiet.stderr

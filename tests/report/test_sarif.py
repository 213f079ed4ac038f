"""SARIF of lint, check, translate and compare: rules, places, and that nothing is green by its absence."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.analysis.compare.harm import RANKS
from harness.base.places import Position
from harness.cli import app
from harness.report.sarif.comparison import _LEVELS
from harness.report.sarif.log import Level, Result, Rule, log

ROOT = Path(__file__).parents[2]
FACES = ("manifests/configs/faces/istio", "manifests/faces")
DELAY = "manifests/configs/faces/istio/smiley-delay.yaml"


@pytest.fixture(autouse=True)
def at_root(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)


def sarif(*arguments: str, status: int):
    done = CliRunner().invoke(app, [*arguments, "--sarif"])
    assert done.exit_code == status, done.stderr
    content = json.loads(done.stdout)
    (run,) = content["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert content["version"] == "2.1.0"
    assert len({rule["id"] for rule in rules}) == len(rules)
    assert all(rules[each["ruleIndex"]]["id"] == each["ruleId"] for each in run["results"])
    return run


def at(result):
    place = result["locations"][0]["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"], place["region"]["startColumn"]


def line(place):
    file, number, _ = place
    return Path(file).read_text().splitlines()[number - 1]


def test_a_finding_is_at_its_field():
    run = sarif("translate", *FACES, status=0)
    (lost,) = [each for each in run["results"] if each["ruleId"] == "fault-injection"]
    assert (lost["level"], at(lost)) == ("error", (DELAY, 7, 5))
    assert line(at(lost)).strip() == "- fault:"
    assert lost["message"]["text"].startswith("VirtualService faces/smiley-delay spec.http[0].fault: lost.")
    assert run["invocations"][0]["toolExecutionNotifications"] == []
    assert {each["ruleId"] for each in run["results"]}.isdisjoint({"not-proven"})


def test_a_translation_that_is_not_proven_says_so():
    notes = sarif("translate", *FACES, "--no-prove", status=0)["invocations"][0]["toolExecutionNotifications"]
    assert [note["message"]["text"] for note in notes] == [
        "the translation wasn't proven: nothing was compared"
    ]
    alone = sarif("translate", "manifests/configs/faces/istio", status=1)
    told = [each for each in alone["results"] if each["ruleId"] == "not-proven"]
    assert told
    assert {each["level"] for each in told} == {"error"}


@pytest.mark.parametrize(("accepted", "suppressed"), [((), []), (("--allow", "*"), [{"kind": "external"}])])
def test_a_difference_is_at_what_decides(tmp_path, accepted, suppressed):
    (now := tmp_path / "now").mkdir()
    for file in Path(FACES[0]).glob("*.yaml"):
        (now / file.name).write_text(file.read_text().replace("fixedDelay: 5s", "fixedDelay: 6s"))
    words = ("compare", FACES[0], str(now), "--with", FACES[1], *accepted)
    run = sarif(*words, status=0 if accepted else 1)
    slower, *others = run["results"]
    assert {each["ruleId"] for each in others} <= {"slower"}
    assert (slower["ruleId"], slower["level"], slower["suppressions"]) == ("slower", "note", suppressed)
    assert at(slower) == ((now / "smiley-delay.yaml").as_uri(), 8, 7)
    assert any(
        place["physicalLocation"]["artifactLocation"]["uri"] == DELAY
        and place["message"]["text"].startswith("before: ")
        for place in slower["relatedLocations"]
    )


def test_no_place_is_at_a_revision(tmp_path, monkeypatch):
    def git(*words: str):
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True, capture_output=True)

    faces = (ROOT / FACES[1]).as_posix()
    for file in Path(FACES[0]).glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "one")
    (tmp_path / "smiley-delay.yaml").unlink()
    monkeypatch.chdir(tmp_path)
    run = sarif("compare", ".", "--git", "HEAD", "--with", faces, status=1)
    assert run["results"]
    assert "HEAD:smiley-delay.yaml" in run["results"][0]["message"]["text"]
    for each in run["results"]:
        for place in (*each["locations"], *each.get("relatedLocations", ())):
            assert "HEAD" not in place["physicalLocation"]["artifactLocation"]["uri"]


def test_what_is_not_decided_is_an_error():
    run = sarif("compare", FACES[0], "manifests/configs/faces/egress", status=1)
    assert {each["level"] for each in run["results"] if each["ruleId"] == "undecided"} == {"error"}
    told = [each["ruleId"] for each in run["results"]]
    assert told == sorted(told, key=list(RANKS).index)
    assert set(_LEVELS) == set(RANKS)


def test_each_problem_of_a_scenario_is_at_its_line(tmp_path):
    file = tmp_path / "broken.yaml"
    file.write_text("name: 5\nstages: 7\nappz: []\n")
    run = sarif("check", str(file), "scenarios/faces", status=1)
    broken = [each for each in run["results"] if each["ruleId"] == "scenario-invalid"]
    assert [at(each) for each in broken] == [
        (file.as_uri(), number, column) for number, column in ((1, 1), (2, 1), (3, 1))
    ]
    assert broken[0]["message"]["text"] == "'name': must be text, not 5"


def test_texts_of_an_estate_make_no_link():
    rule = Rule("a", Level.NOTE, "A rule")
    (run,) = log("lint", [Result(rule, Level.NOTE, "see [here](https://x.example)", "one")])["runs"]
    assert run["results"][0]["message"]["text"] == "see [here] (https://x.example)"
    assert run["results"][0]["locations"] == []


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("a.yaml:3:4", Position("a.yaml", 3, 4)),
        ("HEAD:a:b.yaml:3:4", Position("HEAD:a:b.yaml", 3, 4)),
        ("a.yaml:3:4, from b/c.yaml", Position("a.yaml", 3, 4, "b/c.yaml")),
        ("Deployment a/b", Position("Deployment a/b")),
        ("a.yaml", Position("a.yaml")),
        ("a:b:c", Position("a:b:c")),
        ("", Position()),
    ],
)
def test_a_place_is_read_as_it_is_written(text, position):
    assert Position.parse(text) == position
    assert str(position) == text


def test_one_form_at_a_time():
    for words in (("compare", "a", "b", "--markdown"), ("translate", "a", "--json"), ("lint", "a", "--json")):
        done = CliRunner().invoke(app, [*words, "--sarif"])
        assert (done.exit_code, done.stdout) == (2, "")
        assert "are two ways to print" in done.stderr

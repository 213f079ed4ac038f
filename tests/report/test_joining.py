"""Documents joined, and shown as Markdown and as annotations of lines."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from harness.cli import app
from harness.report.document.annotations import commands
from harness.report.document.files import read, text
from harness.report.document.joining import joined
from harness.report.document.models import Document, Expectation, Judgement, Run, Scenario, Stage, Verdict
from harness.report.document.summary import headline


def document(name="a", *, result=Judgement.PASS, shard="", seen="blue 100 %"):
    verdict = Verdict(
        stage=0,
        result=result,
        where=f"scenarios/{name}.yaml:7:3",
        source="",
        seen=seen,
        expected="green 100 %",
    )
    scenario = Scenario(
        file=f"scenarios/{name}.yaml",
        name=name,
        stages=(Stage(name="istio"), Stage(name="linkerd")),
        expectations=(Expectation(name="all blue", kind="split", verdicts=(verdict,)),),
    )
    run = Run(provider="model", basis="predicted", began="2026-01-01T00:00:00Z", shard=shard)
    return Document(made_by="test", runs=(run,), scenarios=(scenario,))


def test_each_scenario_keeps_its_run():
    whole = joined([document("a"), document("b"), document("c")])
    assert [(each.name, each.run) for each in whole.scenarios] == [("a", 0), ("b", 1), ("c", 2)]
    assert headline(whole) == "All 3 expectations hold"


# name: (shards that are there, those that are said to be missing)
SHARDS = {
    "all": (("1/2", "2/2"), []),
    "not the last": (("1/3", "2/3"), ["shards 3/3"]),
    "one of three": (("2/3",), ["shards 1/3, 3/3"]),
    "no shards": (("", ""), []),
}


@pytest.mark.parametrize(("shards", "missing"), SHARDS.values(), ids=SHARDS)
def test_a_shard_that_is_missing_is_a_problem(shards, missing):
    whole = joined([document(str(index), shard=shard) for index, shard in enumerate(shards)])
    assert [problem.where for problem in whole.problems] == missing
    assert headline(whole).startswith("Not all could be run" if missing else "All ")


def test_markdown_has_a_table_and_what_did_not_pass():
    lines = text(document(result=Judgement.FAIL), "markdown").splitlines()
    assert lines[0] == "**1 of 1 expectations don't hold**"
    assert "| expectation | istio | linkerd |" in lines
    assert "| all blue | ✕ fail |  |" in lines
    assert "- ✕ all blue, in istio: blue 100 % (expected: green 100 %)" in lines


def test_names_are_words_alone_in_markdown():
    hostile = document("<script>|`*\n# x", result=Judgement.FAIL, seen="](http://x) ![a](b)\x1b[31m")
    made = text(hostile, "markdown")
    assert "<script>" not in made
    assert "&lt;script&gt;\\|\\`\\*\\\\n\\# x" in made
    assert "![" not in made
    assert "\x1b" not in made


def test_annotations_stand_at_lines_and_name_no_other_command():
    [command] = commands(document(result=Judgement.FAIL, seen="100%\n::error::x"))
    place = "file=scenarios/a.yaml,line=7,title=all blue (istio)"
    assert command == f"::error {place}::100%25%0A\\u003a:error::x, expected: green 100 %25"
    assert list(commands(document())) == []


def test_the_command_joins_and_shows(tmp_path):
    files = []
    for index, name in enumerate("ab"):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(document(name, shard=f"{index + 1}/2").model_dump_json())
    runner, whole = CliRunner(), tmp_path / "whole.json"
    made = runner.invoke(app, ["report", "merge", *map(str, files), "-o", str(whole)])
    assert (made.exit_code, made.output) == (0, "All 2 expectations hold\n")
    assert len(read(whole).runs) == 2
    page = tmp_path / "page.html"
    assert runner.invoke(app, ["report", "show", str(whole), "--html", str(page)]).exit_code == 0
    assert page.read_text().startswith("<!doctype html>")
    shown = runner.invoke(app, ["report", "show", str(whole)])
    assert shown.output.startswith("**All 2 expectations hold**")
    files[0].write_text(json.dumps({"version": 99}))
    wrong = runner.invoke(app, ["report", "show", str(files[0])])
    assert wrong.exit_code == 2
    assert "its version is 99" in wrong.output

"""The words of findings and of lint's rules are data: each code has words, and gets the facts that they name."""

import ast
from pathlib import Path
from string import Formatter

import pytest
import yaml

import harness
from harness.analysis.lint import RULES

ANALYSIS = Path(harness.__file__).parent / "analysis"
FINDINGS = {
    code: words
    for severity in yaml.safe_load((ANALYSIS / "translate/findings.yaml").read_text()).values()
    for code, words in severity.items()
}


def facts_in(words):
    return {name for text in words.values() for _, name, _, _ in Formatter().parse(text) if name}


def calls(folder, *functions):
    """Calls of these functions, each with where it is, and with the function that it stands in."""
    for path in sorted((ANALYSIS / folder).rglob("*.py")):
        for outer in ast.walk(ast.parse(path.read_text())):
            for call in ast.walk(outer) if isinstance(outer, ast.FunctionDef) else ():
                if isinstance(call, ast.Call) and ast.unparse(call.func).split(".")[-1] in functions:
                    yield f"{path.name}:{call.lineno}", outer, call


def named(call):
    return {word.arg: word.value for word in call.keywords}


REPORTED = [
    (where, call.args[0].value, set(named(call)))
    for where, _, call in calls("translate", "report", "of")
    if call.args and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
]


@pytest.mark.parametrize(("where", "code", "facts"), REPORTED)
def test_a_finding_has_its_words(where, code, facts):
    assert facts - {"rule"} == facts_in(FINDINGS[code]), where


def test_each_text_of_a_finding_is_told_somewhere():
    sources = [path for path in (ANALYSIS / "translate").rglob("*") if path.suffix in (".py", ".yaml")]
    told = " ".join(path.read_text() for path in sources if path.name != "findings.yaml")
    parts = (
        {code, code.removeprefix("ingress2gateway-")} for code in FINDINGS
    )  # one tool's are put together
    assert [
        names for names in parts if not any(f'"{name}"' in told or f": {name}" in told for name in names)
    ] == []


def test_rules_have_their_words():
    used = {}
    for where, function, call in calls("lint", "seen"):
        case, name = named(call).get("case"), function.name.replace("_", "-")
        if name in RULES and not isinstance(case, ast.Name | ast.IfExp):
            words = RULES[name].words[ast.literal_eval(case) if case else ""]
            used[where] = words, set(named(call)) - {"case", "needs"}
    assert len(used) > 25
    assert {where: facts for where, (_, facts) in used.items()} == {
        where: facts_in(words) for where, (words, _) in used.items()
    }

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
    texts = (text for text in words.values() if isinstance(text, str))
    return {name for text in texts for _, name, _, _ in Formatter().parse(text) if name}


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
    folders = (
        ANALYSIS / "translate",
        ANALYSIS / "compare",
    )  # there is what meshes do differently by themselves
    sources = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".yaml")]
    told = " ".join(path.read_text() for path in sources if path.name != "findings.yaml")
    untold = [
        code
        for code in FINDINGS
        # One tool's are put together; so are those about gateways, of the code that is told elsewhere.
        for name in [code.removeprefix("ingress2gateway-").removesuffix(".gateway").removesuffix("-egress")]
        if not any(f'"{each}"' in told or f": {each}" in told for each in (name, code))
        and not all(part in told for part in (f'"{name.partition(".")[0]}.', name.partition(".")[2]))
    ]
    assert untold == []


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

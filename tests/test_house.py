"""The files for those who help: their links lead somewhere, their commands exist, what they repeat is the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

import harness

ROOT = Path(__file__).parents[1]
PAGES = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")
ELEMENTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_what_is_there(page):
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text()):
        file, _, anchor = target.partition("#")
        text = (ROOT / file).read_text() if (ROOT / file).is_file() else ""
        assert (ROOT / file).exists(), target
        headings = {
            re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
            for line in text.splitlines()
            if line.startswith("#")
        }
        assert not anchor or anchor in headings, target


@pytest.mark.skipif(not shutil.which("make"), reason="there is no make on PATH")
def test_commands_of_make_exist():
    listed = subprocess.run(["make", "-C", ROOT, "-s"], capture_output=True, text=True, check=True).stdout
    targets = set(re.findall(r"^make (\w+)", listed, re.MULTILINE))
    named = set(
        re.findall(
            r"\bmake (\w+)", "".join((ROOT / page).read_text() for page in ("CONTRIBUTING.md", "README.md"))
        )
    )
    assert named & targets >= {"check", "test", "pages"}
    for target in targets:
        subprocess.run(["make", "-C", ROOT, "-n", target], capture_output=True, check=True)


def test_the_citation_is_of_this_version():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (cited["title"], str(cited["version"])) == ("mesh-migration-harness", harness.__version__)


@pytest.mark.parametrize(
    "form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")), ids=lambda form: form.stem
)
def test_an_issue_form_is_whole(form):
    content = yaml.safe_load(form.read_text())
    assert {"name", "description", "body"} <= set(content)
    ids = [each["id"] for each in content["body"] if each["type"] != "markdown"]
    assert len(set(ids)) == len(ids) > 0
    for each in content["body"]:
        assert each["type"] in ELEMENTS
        assert each["attributes"].get("label") or each["attributes"].get("value")

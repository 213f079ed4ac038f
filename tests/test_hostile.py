"""No input is a traceback: structures of any shape, in every reader and command.

`HARNESS_HOSTILE_INPUTS=20000` makes it a long run.
"""

from __future__ import annotations

import copy
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from harness.cli import app
from harness.manifests.documents import parse

ROOT = Path(__file__).parents[1]
LONG = int(os.environ.get("HARNESS_HOSTILE_INPUTS", "0"))
EXAMPLES = LONG or 8
MEGABYTES = 400
"""What one command may take for a few objects."""

ODD = st.sampled_from(
    [None, 0, -1, 2**70, 1.5, float("inf"), float("nan"), True, "", "x", "*", "a/b", "..", [], {}, ["nginx"], [None],
     [[]], [{}], {"a": 1}, {"name": None}, "é٣", "-5s", "99999999999h", "a" * 300, "(", "^/([a-z]+)*$", "{{x}}",
     "spiffe://", "http://[", "%zz", "10.0.0.0/99", "::1/129", "\n", "\x1b[31m", "\u2028"]
)  # fmt: skip
KEYS = st.sampled_from(["spiffe://", "a/b/c", "", "\n", "x" * 300, "é", "http://", "a b"])
COMMANDS = (["lint"], ["discover"], ["translate", "--no-prove"], ["translate"], ["explain", "--from", "shop/web", "http://web/", "-f"])  # fmt: skip


def documents(path: Path) -> list[Any]:
    return [document.data for document in parse(path.read_text(encoding="utf-8"), str(path)) if document.data]


ESTATES = [
    documents(path) for path in sorted((ROOT / "manifests").rglob("*.yaml")) if path.stat().st_size < 8_000
]
SCENARIOS = [path for path in sorted((ROOT / "scenarios").rglob("*.yaml")) if path.stat().st_size < 3_000]


def places(value: Any) -> list[tuple[Any, Any]]:
    """All members of a structure: what holds it, and its key there."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *places(value[key]))]


@st.composite
def mutated(draw: st.DrawFn, of: list[Any]) -> Any:
    """One of these structures with members of it exchanged, doubled, wrapped, renamed or left out."""
    whole = copy.deepcopy(of[draw(st.integers(0, len(of) - 1))])
    for _ in range(draw(st.integers(1, 3))):
        if not (members := places(whole)):
            break
        holder, key = members[draw(st.integers(0, len(members) - 1))]
        match draw(st.sampled_from(("odd", "odd", "odd", "out", "list", "twice", "rename"))):
            case "out":
                del holder[key]
            case "list":
                holder[key] = [holder[key]]
            case "twice" if isinstance(holder[key], list):
                holder[key] = holder[key] * 2
            case "rename" if isinstance(holder, dict):
                holder[draw(KEYS)] = holder.pop(key)
            case _:
                holder[key] = copy.deepcopy(draw(ODD))
    return whole


def told(arguments: list[str]) -> None:
    """Runs a command, which must end with a status of its own, in so much memory."""
    if LONG:  # counting memory takes long
        tracemalloc.start()
    done = CliRunner().invoke(app, arguments)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    assert done.exit_code in (0, 1, 2)
    assert peak < MEGABYTES * 2**20
    assert "\x1b" not in done.output


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@settings(max_examples=EXAMPLES, deadline=20_000)
@given(estate=mutated(ESTATES))
def test_manifests_of_any_shape(tmp_path_factory: pytest.TempPathFactory, command: list[str], estate: Any):
    file = tmp_path_factory.getbasetemp() / "hostile.yaml"
    file.write_text("\n---\n".join(map(json.dumps, estate)), encoding="utf-8")
    told([*command, str(file)])


@settings(max_examples=EXAMPLES, deadline=20_000)
@given(scenario=mutated([documents(path)[0] for path in SCENARIOS]))
def test_scenarios_of_any_shape(tmp_path_factory: pytest.TempPathFactory, scenario: Any):
    file = tmp_path_factory.getbasetemp() / "hostile-scenario.yaml"
    file.write_text(json.dumps(scenario), encoding="utf-8")
    told(["check", str(file)])


@settings(max_examples=EXAMPLES, deadline=20_000)
@given(data=st.binary(max_size=200))
def test_bytes_of_any_kind(tmp_path_factory: pytest.TempPathFactory, data: bytes):
    file = tmp_path_factory.getbasetemp() / "hostile-bytes.yaml"
    file.write_bytes(data)
    for command in (["lint"], ["check"]):
        told([*command, str(file)])

"""The model against what real clusters answered."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.manifests import read_manifests
from tests.model.observed import BOTH_MESHES, check, load

if TYPE_CHECKING:
    from harness.model import State

OBSERVATIONS = Path(
    os.environ.get("HARNESS_OBSERVATIONS", Path(__file__).parents[3] / "shared" / "observations")
)

# Cases that the model doesn't reproduce, and why; each still runs, and must still fail.
KNOWN_GAPS: dict[str, str] = {
    "istio/routing::unknown-service-port": (
        "the 404 came from the network around that cluster; the model says that nothing answers"
    ),
    "linkerd/routing::failure-accrual": (
        "which requests meet an endpoint taken out depends on those before; the model refuses to say"
    ),
    "linkerd/routing::backend-no-endpoints-half": (
        "the first request to a backend without pods waits 3 s and gets 504; the model gives what follows"
    ),
}


def _cases() -> list[Any]:
    if not OBSERVATIONS.is_dir():
        return []
    found = []
    for path in sorted(OBSERVATIONS.glob("*/*.yaml")):
        topic = f"{path.parent.name}/{path.stem}"
        for case in load(path)["cases"]:
            name = f"{topic}::{case['id']}"
            gap = KNOWN_GAPS.get(name)
            marks = [pytest.mark.xfail(strict=True, reason=gap)] if gap else []
            found.append(pytest.param(case, id=name, marks=marks))
    return found


CASES = _cases()


@cache
def _world() -> State:
    world = OBSERVATIONS / "world.yaml"
    return BOTH_MESHES.apply(read_manifests(world)) if world.is_file() else BOTH_MESHES


def test_observations_are_there() -> None:
    if not CASES:
        pytest.skip(f"no observations at {OBSERVATIONS}")
    assert len({param.id for param in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES)
def test_case(case: dict[str, Any]) -> None:
    check(case, _world())


def test_gaps_are_cases() -> None:
    if (OBSERVATIONS / "world.yaml").is_file():
        assert set(KNOWN_GAPS) <= {param.id for param in CASES}

"""The model against what real clusters answered (tests/observations, whose README has the format)."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from harness.api.schema.releases import Release
from harness.manifests.files import read_manifests
from harness.model import changes
from tests.model.observed import BOTH_MESHES, check, load

if TYPE_CHECKING:
    from harness.model import State

OBSERVATIONS = Path(__file__).parents[1] / "observations"

# Cases that the model doesn't reproduce, and why; each still runs, and must still fail.
KNOWN_GAPS = {
    "istio/routing::unknown-service-port": (
        "the 404 came from the network around that cluster; the model says that nothing answers"
    ),
    "linkerd/routing::backend-no-endpoints-half": (
        "the first request to a backend without pods waits 3 s and gets 504; the model gives what follows"
    ),
}


def _ids(topic: str) -> list[str]:
    """The ids of a file's cases, without parsing it: collecting the tests is to be quick."""
    return re.findall(r"^- id: (\S+)$", (OBSERVATIONS / f"{topic}.yaml").read_text(), re.MULTILINE)


TOPICS = [f"{path.parent.name}/{path.stem}" for path in sorted(OBSERVATIONS.glob("*/*.yaml"))]
CASES = [(topic, case) for topic in TOPICS for case in _ids(topic)]


def _param(topic: str, case: str) -> Any:
    name = f"{topic}::{case}"
    gap = KNOWN_GAPS.get(name)
    return pytest.param(topic, case, id=name, marks=[pytest.mark.xfail(reason=gap)] if gap else [])


@cache
def _read(topic: str) -> dict[str, Any]:
    return load(OBSERVATIONS / f"{topic}.yaml")


@cache
def _world(path: Path | None, release: str) -> State:
    served = Release.parse(release).definitions("observations") if release else ()
    return changes.apply(BOTH_MESHES, [*served, *(read_manifests(path) if path else ())])


@pytest.mark.parametrize(("topic", "case"), [_param(topic, case) for topic, case in CASES])
def test_case(topic: str, case: str) -> None:
    file = _read(topic)
    (observed,) = (other for other in file["cases"] if other["id"] == case)
    world = (OBSERVATIONS / topic).parent / file["world"] if "world" in file else None
    check(observed, _world(world, file["versions"].get("gateway-api", "")))


@pytest.mark.parametrize("topic", TOPICS)
def test_every_case_of_a_file_is_a_test(topic: str) -> None:
    assert [case["id"] for case in _read(topic)["cases"]] == _ids(topic)


def test_gaps_are_cases() -> None:
    assert set(KNOWN_GAPS) <= {f"{topic}::{case}" for topic, case in CASES}

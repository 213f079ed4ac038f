"""What expectations say of a mesh's conformance, in the Gateway API's own format [GEP-1709]."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from harness.scenario.entries import INSTEAD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Json = dict[str, Any]


class Standing(Enum):
    """What became of one of the API's tests: the worst of its expectations."""

    PASSED = "passed"
    UNPROVEN = "isn't proven"
    UNMET = "isn't met"
    """As the scenario says: what the mesh does instead was shown."""
    FAILED = "failed"


@dataclass(frozen=True)
class Case:
    """An expectation of a test, as its report tells it; `because` says why the mesh does something else."""

    test: str
    name: str
    standing: Standing
    words: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Case:
        """Returns what a test report holds of a verdict as a case."""
        test, _, name = row["name"].removesuffix(f" ({INSTEAD})").partition(": ")
        if row["result"] == "pass":
            standing = Standing.UNMET if row["because"] else Standing.PASSED
        else:
            standing = Standing.FAILED if row["result"] == "fail" else Standing.UNPROVEN
        words = row["because"] if standing is Standing.UNMET else row["seen"]
        return cls(test, name, standing, " ".join(words.split()))


@dataclass(frozen=True)
class Run:
    """Whose conformance was shown: which mesh's, in which versions (by name), by whom, and when."""

    mesh: str
    versions: Mapping[str, str]
    predicted: bool
    date: str


def unknown(cases: Iterable[Case]) -> tuple[str, ...]:
    """Returns what isn't the name of a test of the API."""
    return tuple(dict.fromkeys(case.test for case in cases if case.test not in _tests()))


def text(run: Run, cases: Sequence[Case]) -> str:
    """Returns the report as YAML; comments say what isn't met, and why, and what became of other tests."""
    by_test = _by_test(cases)
    lines = ["Predicted by the model: nothing was sent."] if run.predicted else []
    lines += _reasons(cases)
    beside = [test for test in by_test if not any(test in tests for tests in _profiles().values())]
    words = (f"{test} {by_test[test].value}" for test in beside)
    lines += [f"Tests of no profile: {', '.join(words)}."] if beside else []
    report = yaml.safe_dump(data(run, cases), sort_keys=True, allow_unicode=True, width=110)
    return "".join(f"# {line}\n" for line in lines) + report


def data(run: Run, cases: Sequence[Case]) -> Json:
    """Returns the report as a ConformanceReport."""
    version, _, channel = run.versions.get("gateway-api", "").removeprefix("v").partition("/")
    by_test = _by_test(cases)
    provisional = [test for test in _words("provisional") if by_test.get(test) is Standing.PASSED]
    implementation = {**_table()["implementations"][run.mesh], "version": run.versions.get(run.mesh, "")}
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "ConformanceReport",
        "date": run.date,
        "gatewayAPIVersion": f"v{version}" if version else "",
        "gatewayAPIChannel": channel,
        "implementation": implementation,
        "mode": "predicted" if run.predicted else "default",
        "profiles": [
            _profile(name, tests, by_test)
            for name, tests in _profiles().items()
            if any(_table()["profiles"][name]["of"] in tests[test] for test in by_test if test in tests)
        ],
        **({"succeededProvisionalTests": provisional} if provisional else {}),
    }


def holds(run: Run, cases: Sequence[Case]) -> bool:
    """Returns whether all cases are as the scenario says, and no test that counts failed."""
    parts = [profile.get(part) for profile in data(run, cases)["profiles"] for part in ("core", "extended")]
    as_said = all(case.standing in (Standing.PASSED, Standing.UNMET) for case in cases)
    return bool(cases) and as_said and not any(part and part["result"] == "failure" for part in parts)


def _profile(name: str, tests: Mapping[str, frozenset[str]], by_test: Mapping[str, Standing]) -> Json:
    core = frozenset(_table()["profiles"][name]["core"].split())
    supported, unsupported = _supported(by_test)
    counted = {
        test: by_test.get(test, Standing.UNPROVEN)
        for test, features in tests.items()
        if by_test.get(test) is not Standing.UNMET or not features & unsupported
    }
    parts = {
        "core": _status({test: standing for test, standing in counted.items() if tests[test] <= core}),
        "extended": _status(
            {test: standing for test, standing in counted.items() if not tests[test] <= core}
        ),
    }
    summary = ". ".join(_summary(part, status) for part, status in parts.items() if status)
    profile: Json = {"name": name, "summary": f"{summary}.", "core": parts["core"] or _status({}, empty=True)}
    if parts["extended"]:
        own = _extended(name)
        features = {"supportedFeatures": supported & own, "unsupportedFeatures": unsupported & own}
        profile["extended"] = parts["extended"] | {
            key: sorted(some) for key, some in features.items() if some
        }
    return profile


def _status(standings: Mapping[str, Standing], *, empty: bool = False) -> Json:
    if not standings and not empty:
        return {}
    failed = sorted(test for test, at in standings.items() if at in (Standing.FAILED, Standing.UNMET))
    skipped = sorted(test for test, at in standings.items() if at is Standing.UNPROVEN)
    passed = len(standings) - len(failed) - len(skipped)
    return {
        "result": "failure" if failed else "partial" if skipped else "success",
        "statistics": {"Passed": passed, "Failed": len(failed), "Skipped": len(skipped)},
        **({"failedTests": failed} if failed else {}),
        **({"skippedTests": skipped} if skipped else {}),
    }


def _summary(part: str, status: Json) -> str:
    counts = status["statistics"]
    words = {
        "success": "succeeded",
        "partial": f"partially succeeded with {counts['Skipped']} test skips",
        "failure": f"failed with {counts['Failed']} test failures",
    }
    return f"{part.title()} tests {words[status['result']]}"


def _supported(by_test: Mapping[str, Standing]) -> tuple[frozenset[str], frozenset[str]]:
    """The features that a test shows, and those that the scenario says to be missing."""

    def needed(standing: Standing) -> frozenset[str]:
        return frozenset().union(*(_tests()[test] for test, at in by_test.items() if at is standing))

    supported = needed(Standing.PASSED)
    return supported, needed(Standing.UNMET) - supported


def _by_test(cases: Iterable[Case]) -> dict[str, Standing]:
    order = list(Standing)
    by_test: dict[str, Standing] = {}
    for case in cases:
        by_test[case.test] = max(case.standing, by_test.get(case.test, case.standing), key=order.index)
    return by_test


def _reasons(cases: Iterable[Case]) -> Iterator[str]:
    """Why tests didn't pass, each reason once."""
    seen: set[tuple[str, Standing, str]] = set()
    for case in cases:
        key = case.test, case.standing, case.words
        if case.standing is not Standing.PASSED and key not in seen:
            seen.add(key)
            yield f"{case.test} {case.standing.value} ({case.name}): {case.words}"


# -- The API's own tables


@cache
def _table() -> Json:
    table: Json = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    return table


def _words(key: str) -> list[str]:
    words: str = _table()[key]
    return words.split()


@cache
def _tests() -> dict[str, frozenset[str]]:
    """The tests with the features that they need."""
    return {test: frozenset(features.split()) for test, features in _table()["tests"].items()}


@cache
def _profiles() -> dict[str, dict[str, frozenset[str]]]:
    """The profiles, each with its tests: those that need none but its features."""
    return {
        name: {
            test: features
            for test, features in _tests().items()
            if features <= frozenset(profile["core"].split()) | _extended(name)
        }
        for name, profile in _table()["profiles"].items()
    }


def _extended(profile: str) -> frozenset[str]:
    table = _table()
    return frozenset(table["extended"][table["profiles"][profile]["extended"]].split())

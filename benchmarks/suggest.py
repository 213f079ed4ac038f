"""How fast a scenario is suggested: `python -m benchmarks.suggest [MATCHES…]`.

Each estate has so many matches: as rules of one VirtualService, as matches of one rule, or as five rules of
each of many VirtualServices. CPU seconds and MiB, each in a process of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import yaml

from benchmarks.estate import ROUTES, Estate
from harness.manifests.files import read
from harness.suggest.composition import compose
from harness.suggest.sources import of_paths

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 10_000)
"""Matches of the estates that are measured if none are named."""

SMALL = 10
"""Services of an estate that has all of its matches in one VirtualService."""


def _one_rule_each(matches: int) -> str:
    """An estate with a VirtualService of as many rules as matches."""
    return _with_rules([_rule([{"uri": {"exact": f"/one/{number}"}}]) for number in range(matches)])


def _one_rule(matches: int) -> str:
    """An estate with a VirtualService of one rule for all matches."""
    return _with_rules([_rule([{"uri": {"prefix": f"/one/{number}/"}} for number in range(matches)])])


def _many(matches: int) -> str:
    """An estate with as many VirtualServices as it takes."""
    return Estate("istio", matches // ROUTES).yaml()


SHAPES: dict[str, Callable[[int], str]] = {
    "rules of one": _one_rule_each,
    "matches of one": _one_rule,
    "five rules each": _many,
}


def _rule(matches: list[dict[str, object]]) -> dict[str, object]:
    return {"match": matches, "route": [{"destination": {"host": "svc-1"}}]}


def _with_rules(rules: list[dict[str, object]]) -> str:
    rest = {"route": [{"destination": {"host": "svc-0"}}]}
    document = {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "large", "namespace": "ns-0"},
        "spec": {"hosts": ["svc-0"], "http": [*rules, rest]},
    }
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    own = yaml.dump(document, Dumper=dumper, sort_keys=False)
    objects = yaml.safe_load_all(Estate("istio", SMALL).yaml())
    kept = [each for each in objects if each["kind"] in ("Namespace", "Deployment", "Service")]
    return f"{yaml.dump_all(kept, Dumper=dumper, sort_keys=False)}---\n{own}"


@dataclass(frozen=True)
class Measured:
    """CPU seconds, MiB at most, and the expectations that were written."""

    seconds: float
    mebibytes: float
    expectations: str


def measure(shape: str, matches: int) -> Measured:
    """Returns what suggesting a scenario of an estate takes in this process, reading it among it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "estate.yaml")
        path.write_text(SHAPES[shape](matches))
        start = process_time()
        summary = compose(of_paths([path], read([path])), Path(folder, "scenario.yaml"))
        taken = process_time() - start
    (line,) = (line for line in summary.splitlines() if "expectations" in line)
    return Measured(taken, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, line.split()[2])


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES, help="sizes, in matches")
    print(f"{'matches':<18}{'number':>9}{'suggest s':>11}{'MiB':>6}{'expectations':>14}")
    for shape in SHAPES:
        for size in parser.parse_args().sizes:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seen = pool.apply(measure, (shape, size))
            print(
                f"{shape:<18}{size:>9,}{seen.seconds:>11.2f}{seen.mebibytes:>6.0f}{seen.expectations:>14}",
                flush=True,
            )


if __name__ == "__main__":
    main()

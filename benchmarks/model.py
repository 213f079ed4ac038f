"""How fast the model loads estates and decides requests: `python -m benchmarks.model [ROUTES…]`.

Each estate is measured in a process of its own. Memory is what loading and deciding added.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import process_time

from benchmarks.estate import KINDS, ROUTES, Estate
from harness.model import load
from harness.model.decide import decide

SIZES = (100, 1_000, 5_000, 10_000)
"""Routes of the estates that are measured if none are named."""

ROUNDS, DECISIONS = 20, 200
"""Rounds of decisions, of which the fastest counts: what else the machine does only makes them slower."""


@dataclass(frozen=True)
class Measured:
    """CPU seconds to load and of the first decision (which makes the tables), MiB, decisions a CPU second."""

    bytes: int
    load: float
    first: float
    mebibytes: float
    rate: float


def measure(estate: Estate) -> Measured:
    """Returns what loading an estate from YAML and deciding requests on it take in this process."""
    text = estate.yaml()
    requests = list(estate.requests())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "estate.yaml")
        path.write_text(text)
        before = _peak()
        start = process_time()
        state = load([path])
        loaded = process_time()
    decide(state, requests[0])
    first = process_time()
    times = []
    for start_at in range(0, ROUNDS * DECISIONS, DECISIONS):
        began = process_time()
        for index in range(start_at, start_at + DECISIONS):
            decide(state, requests[index % len(requests)])
        times.append(process_time() - began)
    return Measured(len(text), loaded - start, first - loaded, _peak() - before, DECISIONS / min(times))


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("routes", type=int, nargs="*", default=SIZES, help="sizes of estates, in routes")
    print(f"{'estate':<18}{'routes':>8}{'MB':>7}{'load s':>9}{'first s':>9}{'MiB':>7}{'decisions/s':>13}")
    for kind in KINDS:
        for routes in parser.parse_args().routes:
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                found = pool.apply(measure, (Estate(kind, routes // ROUTES),))
            print(
                f"{kind:<18}{routes:>8,}{found.bytes / 1e6:>7.1f}{found.load:>9.2f}{found.first:>9.3f}"
                f"{found.mebibytes:>7.0f}{found.rate:>13,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

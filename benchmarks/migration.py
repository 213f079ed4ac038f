"""How fast an estate is translated and compared.

`python -m benchmarks.migration [--jobs N] [VIRTUAL_SERVICES…]`. Each estate has as many VirtualServices of
five rules, DestinationRules and AuthorizationPolicies, and twice as many Services. It is translated, and
compared with itself as translated: CPU seconds (of all jobs), and seconds that pass, each size in a process
of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

from benchmarks.estate import Estate
from harness.analysis.compare import compare
from harness.analysis.translate import translate
from harness.api.schema.kinds import MESH_OF_GROUP
from harness.base.vocabulary import Mesh
from harness.manifests.files import read_manifests
from harness.model.changes.loading import load_objects

SIZES = (100, 1_000)
"""VirtualServices of the estates that are measured if none are named."""


@dataclass(frozen=True)
class Measured:
    """CPU seconds to translate and to compare, seconds that passed meanwhile, and what came of it."""

    translate: float
    compare: float
    passed: float
    objects: int
    classes: int
    differences: int


def measure(estate: Estate, jobs: int) -> Measured:
    """Returns what translating an estate takes, and comparing it with that in so many processes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "estate.yaml")
        path.write_text(estate.yaml())
        resources = read_manifests(path)
    start = process_time()
    made = translate(resources)
    translated = process_time() - start
    namespaces = sorted({one.namespace for one in resources if one.kind == "Deployment"})
    kept = [one for one in resources if one.group not in MESH_OF_GROUP]
    before = load_objects([resources])
    after = load_objects([[*kept, *made.objects]], None, dict.fromkeys(namespaces, Mesh.LINKERD))
    start, begun = _cpu(), perf_counter()
    found = compare(before, after, jobs=jobs)
    compared, passed = _cpu() - start, perf_counter() - begun
    return Measured(translated, compared, passed, len(made.objects), found.classes, len(found.differences))


def _cpu() -> float:
    """CPU seconds of this process and of those that it started, as far as they have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", type=int, nargs="*", default=SIZES, help="sizes, in VirtualServices")
    parser.add_argument("--jobs", type=int, default=1, help="processes that share the comparison")
    options = parser.parse_args()
    head = f"{'VirtualServices':>15}{'translate s':>13}{'objects':>9}"
    print(f"{head}{'compare s':>11}{'passed s':>10}{'classes':>9}{'differences':>13}")
    for size in options.sizes:
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            found = pool.submit(measure, Estate("istio", size), options.jobs).result()
        print(
            f"{size:>15,}{found.translate:>13.2f}{found.objects:>9,}{found.compare:>11.2f}{found.passed:>10.2f}{found.classes:>9,}"
            f"{found.differences:>13,}",
            flush=True,
        )


if __name__ == "__main__":
    main()

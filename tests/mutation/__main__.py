"""Changes many configurations, and tells what `compare` misses, by kind.

python -m tests.mutation [--mutants 10000] [--seed 1] [--requests 120] [FOLDER …]

Without folders of manifests these are the repository's own configurations and the small ones of the tests.
Exit status 1 if `compare` misses something.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random

from harness.model.state.tables import grouped
from tests.mutation.estates import folder, shipped, small
from tests.mutation.oracle import Run


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--requests", type=int, default=120)
    parser.add_argument("folders", nargs="*", type=Path)
    options = parser.parse_args()
    estates = [folder(path) for path in options.folders] or [*small(), *shipped()]
    missed, counts = [], Counter[str]()
    for index, estate in enumerate(estates):
        begun = time.process_time()
        run = Run(estate, Random(f"{options.seed} {estate.name}"), options.requests)
        share = (options.mutants * (index + 1)) // len(estates) - (options.mutants * index) // len(estates)
        found = list(run.false_equals(share))
        missed += found
        counts += run.counts
        taken = time.process_time() - begun
        print(f"{estate.name}: {dict(run.counts)}, {len(found)} false equals, {taken:.1f} s", file=sys.stderr)
    for kind, every in sorted(
        grouped((each.kind, each) for each in missed).items(), key=lambda item: -len(item[1])
    ):
        print(f"{len(every)} × {kind}\n{every[0]}\n")
    print(f"{dict(counts)}: {len(missed)} false equals")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

"""A baseline: the traps that are there and known, so that only new ones fail.

It is a YAML file that maps a rule's id to objects and what was seen there. Places aren't in it: objects may
move to other files and lines, and lists may grow, without a trap becoming a new one.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import yaml

from harness.base.errors import InputError
from harness.manifests.documents import MAX_BYTES, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from harness.analysis.lint.trap import Trap

Baseline = Counter[tuple[str, str]]
"""How often a rule says the same of an object."""

_HEADER = "# Known traps, which don't fail `harness lint`; --write-baseline writes this file anew.\n"


def read(path: Path) -> Baseline:
    """Returns the baseline of a file; raises InputError if it can't be read, or isn't one."""
    try:
        documents = [document.data for document in parse(read_text(path, MAX_BYTES), str(path))]
    except InputError as error:
        todo = "--write-baseline writes it"
        raise InputError(f"the baseline {path} can't be read", why=str(error), todo=todo) from None
    content = next(iter(documents), None) or {}
    if (
        documents[1:]
        or not isinstance(content, dict)
        or not all(isinstance(texts, list) for texts in content.values())
    ):
        raise InputError(f"{path} is no baseline", why="it doesn't map rules to lists of what is known")
    return Counter((rule, str(text)) for rule, texts in content.items() for text in texts)


def text(traps: Iterable[Trap]) -> str:
    """Returns the file of a baseline that knows these traps."""
    content: dict[str, list[str]] = {}
    for trap in sorted(traps, key=lambda trap: (trap.rule.id, trap.summary)):
        content.setdefault(trap.rule.id, []).append(trap.summary)
    return _HEADER + yaml.safe_dump(content, width=1_000, allow_unicode=True, sort_keys=True)


def recognized(traps: Iterable[Trap], baseline: Baseline) -> tuple[tuple[Trap, ...], int]:
    """Returns the traps, those marked that the baseline knows, and how many it knows that are gone."""
    left = Counter(baseline)
    marked = []
    for trap in traps:
        key = (trap.rule.id, trap.summary)
        baselined = left[key] > 0
        left[key] -= baselined
        marked.append(replace(trap, baselined=baselined))
    return tuple(marked), sum(count for count in left.values() if count > 0)

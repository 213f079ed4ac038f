"""A file of observations as text: an object, and a request with what came back, on a line or two."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Json = dict[str, Any]

WIDTH = 160


def text(about: str, versions: Mapping[str, str], cases: Iterable[Json]) -> str:
    """Returns the file; an object that stands unchanged in several cases is written once."""
    anchors: dict[str, str] = {}
    lines = [f"about: {_flow(about)}", f"versions: {_flow(dict(versions))}", "cases:"]
    for case in cases:
        lines += _case(case, anchors)
    return "\n".join(lines) + "\n"


def _case(case: Json, anchors: dict[str, str]) -> Iterator[str]:
    numbers = count(len(anchors) + 1)
    for key, value in case.items():
        lead = "- " if key == "id" else "  "
        if isinstance(value, str):
            yield f"{lead}{key}: {_flow(value)}"
        elif isinstance(value, dict):
            yield f"{lead}{key}:"
            yield from (f"    {_flow(name)}: {_flow(item)}" for name, item in value.items())
        else:
            yield f"{lead}{key}:" if value else f"{lead}{key}: []"
            for item in value:
                written = _flow(item)
                if key != "objects":
                    yield f"  - {written}"
                elif written in anchors:
                    yield f"  - *{anchors[written]}"
                else:
                    anchors[written] = f"o{next(numbers)}"
                    yield f"  - &{anchors[written]} {written}"


def _flow(value: Any) -> str:
    """A value in YAML's flow style, its further lines indented."""
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=WIDTH, allow_unicode=True)
    return written.removesuffix("...\n").strip().replace("\n", "\n      ")

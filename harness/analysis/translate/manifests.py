"""Manifests translated, by the harness itself or by ingress2gateway and then put right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.translate import ingress2gateway
from harness.analysis.translate.translation import Translation, translate
from harness.manifests.documents import MAX_BYTES, read_text
from harness.manifests.files import SUFFIXES, read_manifests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


def translated(paths: Iterable[Path], *, tool: bool = False, tool_output: Path | None = None) -> Translation:
    """Returns the translation of manifests.

    `tool` has ingress2gateway translate them, or takes what it printed from a file, and puts that right.
    Raises InputError with file:line for what can't be read, MissingError without the tool.
    """
    paths = tuple(paths)
    resources = [resource for path in paths for resource in read_manifests(path)]
    if not tool:
        return translate(resources)
    name = str(tool_output or ingress2gateway.TOOL)
    text = read_text(tool_output, MAX_BYTES) if tool_output else ingress2gateway.output(_files(paths))
    return ingress2gateway.repaired(resources, ingress2gateway.raw(text, name))


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        yield from (
            sorted(file for file in path.iterdir() if file.suffix in SUFFIXES) if path.is_dir() else (path,)
        )

"""A copy of a scenario that comes with the harness, to be changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import InputError
from harness.base.files import write_text
from harness.project.shipped import FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from harness.project.shipped import Shipped


def copied(template: Shipped, folder: Path, *, force: bool = False) -> list[Path]:
    """Writes a scenario into a folder's `scenarios`, and what it needs beside; returns the files written.

    What is there already with the same content stays. Raises InputError, before anything is written, if
    another file would be replaced, unless that is forced.
    """
    files = {folder / "scenarios" / template.file.name: template.file.read_text("utf-8")}
    for source in (file for name in template.needs for file in _files(FOLDER / name)):
        files[folder / source.relative_to(FOLDER)] = source.read_text("utf-8")
    missing = {path: text for path, text in files.items() if not _has(path, text)}
    taken = [path for path in missing if path.exists()]
    if taken and not force:
        raise InputError(
            f"{taken[0]} is there already, and differs",
            todo="choose another folder (--output), or replace it (--force)",
        )
    for path, text in missing.items():
        write_text(path, text)
    return list(missing)


def _files(path: Path) -> Iterator[Path]:
    """The files at a path."""
    if path.is_file():
        yield path
    else:
        yield from sorted(each for each in path.rglob("*") if each.is_file() and each.suffix != ".pyc")


def _has(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()

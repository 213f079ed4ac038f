"""Files that a command writes where its user says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Writes a text to a file, and makes its folders; raises InputError where that can't be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"can't be written: {error.strerror}", where=str(path), todo="name another place"
        ) from error

"""Files that a command writes where its user says."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from harness.base.errors import InputError


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Writes a text to a file, and makes its folders; raises InputError where that can't be done.

    It is written beside and then renamed, so there is all of it or what was there before, whenever that ends.
    With `private` nobody but its owner can read it.
    """
    data = text.encode("utf-8", "backslashreplace")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file() and not path.is_dir():  # a device or a pipe
            path.write_bytes(data)
            return
        _replace(path.resolve(), data, private=private)
    except OSError as error:
        what = f"can't be written: {error.strerror or error}"
        raise InputError(what, where=str(path), todo="name another place") from error


def _replace(path: Path, data: bytes, *, private: bool) -> None:
    if path.is_dir():
        raise IsADirectoryError(21, os.strerror(21))
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o666 & ~_umask()
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(13, os.strerror(13))
    descriptor, name = mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.", suffix=".new")
    draft = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(data)
        draft.chmod(0o600 if private else mode)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask

"""Files as they were at a revision of git."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.base.errors import InputError, MissingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def at_revision(revision: str, paths: Sequence[Path]) -> Iterator[list[Path]]:
    """Gives where files and folders lie as they were at a revision, for as long as they are needed.

    What wasn't there then is left out. Raises InputError for an unknown revision and for paths outside of a
    repository, MissingError without git.
    """
    with tempfile.TemporaryDirectory() as folder:
        there = []
        for number, path in enumerate(paths):
            home = path if path.is_dir() else path.parent
            top = Path(_git(home, "rev-parse", "--show-toplevel").decode().strip())
            _git(home, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
            name = path.resolve().relative_to(top).as_posix()
            if name != "." and not _git(home, "ls-tree", "--full-tree", revision, name):
                continue
            # The whole tree, since kustomizations refer to what is beside them.
            target = Path(folder, str(number))
            with tarfile.open(fileobj=io.BytesIO(_git(top, "archive", "--format=tar", revision))) as archive:
                archive.extractall(target, filter="data")
            there.append(target / name)
        yield there


def _git(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(["git", "-C", folder, *words], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise MissingError("there is no git", todo="install it, or leave --git out") from error
    if done.returncode:
        why = done.stderr.decode().strip() or "no such revision"
        raise InputError(f"git {' '.join(words)} fails", where=str(folder), why=why)
    return done.stdout

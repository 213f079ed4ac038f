"""Files as they were at a revision of git."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.errors import HarnessError, InputError, MissingError
from harness.base.places import Location, Position
from harness.manifests.files import Manifests, Unread, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from harness.base.resources import Resource
    from harness.manifests.objects import Reading

SECONDS = 120
"""How long one command of git may take."""


@dataclass(frozen=True)
class Revision:
    """Files and folders as they were at a revision: where they lie, in `copies` of its whole tree."""

    name: str = ""
    paths: tuple[Path, ...] = ()
    copies: tuple[str, ...] = ()

    def read(self, reading: Reading) -> Manifests:
        """Returns the objects, placed at `REVISION:file:line:column`; raises InputError as `read` does."""
        try:
            manifests = read(self.paths, reading)
        except HarnessError as error:
            raise InputError(
                self.named(error.what),
                where=self.named(error.where),
                why=self.named(error.why),
                todo=error.todo,
            ) from error
        return Manifests(
            tuple(tuple(map(self._placed, batch)) for batch in manifests.batches),
            tuple(map(self.named, manifests.notes)),
            tuple(Unread(self.named(each.path), self.named(each.why)) for each in manifests.unread),
        )

    def named(self, text: str) -> str:
        """Returns a text with files named as git names them (`REVISION:path`) instead of their copies."""
        for copy in self.copies:
            text = text.replace(f"{copy}/", f"{self.name}:").replace(copy, f"{self.name}:")
        return text

    def _placed(self, resource: Resource) -> Resource:
        return replace(resource, where=_AtRevision(resource.where.source, resource.where, self))


@dataclass(frozen=True, slots=True)
class _AtRevision(Location):
    """The place of an object in the copy of a file."""

    copied: Location = field(default_factory=Location)
    revision: Revision = field(default_factory=Revision)

    def position(self, data: Mapping[str, Any], path: str) -> Position:
        position = self.copied.position(data, path)
        return position._replace(source=self.revision.named(position.source))


@contextmanager
def at_revision(revision: str, paths: Sequence[Path]) -> Iterator[Revision]:
    """Gives files and folders as they were at a revision, for as long as their places are looked up.

    What wasn't there then is left out. Raises InputError for an unknown revision and for paths outside of a
    repository, MissingError without git.
    """
    with tempfile.TemporaryDirectory() as folder:
        copies: dict[Path, Path] = {}
        root = Path(folder).resolve()
        for number, path in enumerate(paths):
            home = path if path.is_dir() else path.parent
            top = Path(_git(home, "rev-parse", "--show-toplevel").decode().strip())
            _git(home, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
            name = path.resolve().relative_to(top).as_posix()
            if name != "." and not _git(home, "ls-tree", "--full-tree", revision, name):
                continue
            # The whole tree, since kustomizations refer to what is beside them.
            target = root / str(number)
            with tarfile.open(fileobj=io.BytesIO(_git(top, "archive", "--format=tar", revision))) as archive:
                archive.extractall(target, filter="data")
            copies[target / name] = target
        yield Revision(revision, tuple(copies), tuple(map(str, copies.values())))


def _git(folder: Path, *words: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", folder, *words], capture_output=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"git {words[0]} hasn't ended after {SECONDS} s", where=str(folder)) from error
    except FileNotFoundError as error:
        raise MissingError("there is no git", todo="install it, or leave --git out") from error
    if done.returncode:
        why = done.stderr.decode(errors="replace").strip() or "no such revision"
        raise InputError(f"git {' '.join(words)} fails", where=str(folder), why=why)
    return done.stdout

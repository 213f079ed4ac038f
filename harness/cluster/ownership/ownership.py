"""What belongs to the harness: a private directory for each cluster or run, leased by a live process."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import threading
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import TypeAdapter, ValidationError

from harness.base import InputError, MissingError, StageError

if TYPE_CHECKING:
    from collections.abc import Iterator

MANAGER = "mesh-migration-harness"
MANAGED_BY = {"app.kubernetes.io/managed-by": MANAGER}

KIND, CONTEXT = "kind", "context"

LOCK = "lock"
"""The file, in each lease's directory, that its process locks."""
_RECORD = "lease.json"


def home() -> Path:
    """Returns the directory (0700) of all that the harness keeps; raises MissingError if it can't be had.

    It stands where programs keep their state [XDG Base Directory Specification].
    """
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    directory = Path(base) / MANAGER
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        directory.chmod(0o700)
    except OSError as error:
        raise MissingError(
            f"the harness has no place for its state: {error}",
            todo="set XDG_STATE_HOME to a directory of yours",
        ) from None
    return directory


@dataclass(frozen=True)
class Record:
    """What a lease is for.

    `name` is a kind cluster's, or a context's. A `lasting` cluster shall outlive its process, and is
    `complete` once it can be used. `run` labels what a run made in a context's cluster.
    """

    provider: str
    name: str
    lasting: bool = False
    complete: bool = False
    run: str = ""
    pid: int = field(default_factory=os.getpid)
    since: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class Lease:
    """A directory that one process holds; the lock ends with the process, however that ends."""

    directory: Path
    _descriptor: int

    @property
    def kubeconfig(self) -> Path:
        """Where the cluster's kubeconfig is, or belongs."""
        return self.directory / "kubeconfig"

    @property
    def record(self) -> Record | None:
        """What was written last; None in a new lease."""
        return _read(self.directory)

    def write(self, record: Record) -> None:
        """Writes what the lease is for: whole or not at all, whenever the process is killed."""
        draft = self.directory / f"{_RECORD}.new"
        draft.write_text(json.dumps(asdict(record)))
        draft.replace(self.directory / _RECORD)

    def release(self) -> None:
        """Leaves the directory to whoever comes next."""
        os.close(self._descriptor)

    def remove(self) -> None:
        """Deletes the directory with all that is in it."""
        shutil.rmtree(self.directory, ignore_errors=True)
        os.close(self._descriptor)


def take(provider: str, name: str) -> Lease:
    """Returns the lease of a cluster or run, for this process alone; raises StageError for a held one."""
    directory = home() / f"{provider}-{name}"
    while True:
        directory.mkdir(mode=0o700, exist_ok=True)
        try:
            return Lease(directory, _locked(directory, os.O_CREAT))
        except FileNotFoundError:  # the one before deleted the directory in this moment
            continue
        except BlockingIOError:
            record = _read(directory)
            raise StageError(
                f"{provider} {name} is in use" + (f" by process {record.pid}" if record else ""),
                todo="wait for it to end, or choose another name",
            ) from None


def abandoned() -> Iterator[Lease]:
    """Yields the leases that no live process holds, each taken: to be removed or released."""
    for directory in _directories():
        try:
            descriptor = _locked(directory)
        except (FileNotFoundError, BlockingIOError):
            continue
        yield Lease(directory, descriptor)


def _locked(directory: Path, flags: int = 0) -> int:
    """A descriptor that holds a directory's lock.

    Raises BlockingIOError if another process has it, FileNotFoundError if the directory goes away meanwhile.
    """
    descriptor = os.open(directory / LOCK, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), (directory / LOCK).stat()):
            return descriptor
        raise FileNotFoundError(directory)  # another one stands at its path by now
    except OSError:
        os.close(descriptor)
        raise


def held() -> tuple[Record, ...]:
    """Returns what live processes hold."""
    free = set()
    for lease in abandoned():
        lease.release()
        free.add(lease.directory)
    records = (_read(directory) for directory in _directories() if directory not in free)
    return tuple(record for record in records if record is not None)


def _directories() -> list[Path]:
    return sorted(path.parent for path in home().glob(f"*/{LOCK}"))


def _read(directory: Path) -> Record | None:
    try:
        return TypeAdapter(Record).validate_json((directory / _RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


@contextlib.contextmanager
def turn(cluster: str, what: str, *, alone: bool = True) -> Iterator[None]:
    """Waits until no other process of this machine is at the same, or, unless `alone`, is at it alone.

    The turn ends with the block, or with the process, however that ends.
    """
    folder = home() / "turns"
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / re.sub(r"[^\w.-]+", "_", f"{cluster}.{what}")
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def interrupt_on_sigterm() -> None:
    """Lets SIGTERM end the process as ^C does, so that clean-up runs; a handler of someone else's stays."""
    if _in_main() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Lets an impatient second ^C wait until clean-up is done."""
    if not _in_main():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)


def _in_main() -> bool:
    return threading.current_thread() is threading.main_thread()


@dataclass(frozen=True)
class Entry:
    """How far a scenario has come on a cluster.

    `stages` are the names and digests of the stages that it has reached, in order; `memory` is what the
    provider has to take away, `applied` and `translated` are the configurations that are in place and the
    objects of those that were translated there.
    """

    scenario: str
    stages: tuple[tuple[str, str], ...]
    memory: dict[str, Any] = field(default_factory=dict)
    applied: tuple[str, ...] = ()
    translated: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Journal:
    """The file about one cluster: readable by its owner alone, in a directory of the harness's own."""

    def __init__(self, cluster: str) -> None:
        self.file = home() / f"{quote(cluster, safe='')}.json"

    def read(self) -> Entry | None:
        """Returns what was written last, None if there is nothing; raises InputError if it can't be read."""
        try:
            return TypeAdapter(Entry).validate_json(self.file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            first = error.errors()[0]
            why = f"{'.'.join(map(str, first['loc'])) or 'the whole'}: {first['msg']}"
            raise InputError(
                "what is known of the cluster can't be read",
                where=str(self.file),
                why=why,
                todo="delete the file, and what is left on the cluster",
            ) from error
        except OSError as error:
            raise InputError(
                "what is known of the cluster can't be read",
                where=str(self.file),
                why=str(error),
                todo="delete the file, and what is left on the cluster",
            ) from error

    def write(self, entry: Entry) -> None:
        """Writes an entry in place of the one before, all of it or nothing."""
        written = self.file.with_suffix(".new")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(asdict(entry), opened)
        written.replace(self.file)

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)

"""Work that is shared out to processes."""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, TypeVar

from harness.base.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkProcess

Part = TypeVar("Part")


def untold(done: int, count: int) -> None:
    """Tells nobody how many are done, of how many."""


def shared_out(
    work: Callable[[int], Part], count: int, jobs: int, told: Callable[[int, int], None] = untold
) -> list[Part]:
    """Returns what `work` makes of 0 to `count` - 1, in their order; `told` hears how many are done.

    Each of as many processes as there are `jobs` takes the next as soon as it is done with one, and sends all
    that it made in the end, so it must be picklable. What `work` needs needn't be: a forked process has it.
    Where a process can't be forked (on Windows; in a pool's process), or not safely (another thread may hold
    a lock that nobody would open in the copy), this process does it all. Raises HarnessError if one of the
    processes ends too early.
    """
    jobs = min(jobs, count)
    if jobs < 2 or "fork" not in multiprocessing.get_all_start_methods() or threading.active_count() > 1:
        made = {}
        for number in range(count):
            made[number] = work(number)
            told(len(made), count)
        return list(made.values())
    # The last before they are forked: what is derived of all for it, all then have.
    made = {count - 1: work(count - 1)}
    told(1, count)
    workers: dict[Connection, ForkProcess] = {}
    try:
        for _ in range(jobs):
            connection, process = _started(work)
            workers[connection] = process
        made.update(_served(workers, count - 1, lambda done: told(done + 1, count)))
    finally:
        for connection, process in workers.items():
            connection.close()
            process.kill()  # whatever it does; one that has sent its parts has nothing left to do
            process.join()
    return [made[number] for number in range(count)]


def _started(work: Callable[[int], Part]) -> tuple[Connection, ForkProcess]:
    """A process that works, and the end of a pipe where it asks for numbers."""
    context = multiprocessing.get_context("fork")
    connection, end = context.Pipe()
    process = context.Process(target=_work, args=(work, end), daemon=True)
    process.start()
    end.close()  # else nobody would see that the process has ended
    return connection, process


def _work(work: Callable[[int], Part], connection: Connection) -> None:
    """Works on each number that comes, until None does; a process of its own."""
    made: dict[int, Part] = {}
    connection.send(None)
    while (number := connection.recv()) is not None:
        try:
            made[number] = work(number)
        except HarnessError as error:  # its place may be of any class
            connection.send(HarnessError(error.what, where=error.where, why=error.why, todo=error.todo))
            return
        connection.send(None)
    connection.send(made)


def _served(
    workers: dict[Connection, ForkProcess], count: int, told: Callable[[int], None]
) -> Iterator[tuple[int, Part]]:
    """Gives out the numbers, tells how many are done, and yields what was made of each."""
    numbers, open_ends = iter(range(count)), list(workers)
    done, begun = 0, set()
    while open_ends:
        for connection in wait(open_ends):
            assert isinstance(connection, Connection)
            try:
                message = connection.recv()
            except (EOFError, ConnectionResetError):
                raise _ended(workers[connection]) from None
            if isinstance(message, HarnessError):
                raise message
            if message is None:
                if connection in begun:
                    done += 1
                    told(done)
                begun.add(connection)
                connection.send(next(numbers, None))
            else:
                open_ends.remove(connection)
                yield from message.items()


def _ended(process: ForkProcess) -> HarnessError:
    process.join()
    code = process.exitcode or 0
    how = f"signal {-code}" if code < 0 else f"exit status {code}"
    why = "the system may have ended it for want of memory" if code < 0 else "it says why above"
    return HarnessError(
        f"one of the processes of --jobs ended before its work was done: {how}", why=why, todo="try --jobs 1"
    )

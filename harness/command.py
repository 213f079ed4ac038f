"""The program `harness`: its signals, and the errors that no command expects."""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn

INTERNAL = 70
"""The exit status of a fault of the harness's own [sysexits.h: EX_SOFTWARE]."""

TRACEBACK = "HARNESS_TRACEBACK"
"""Under this variable the traceback of such a fault is printed."""


def main() -> None:
    """Runs the command line; ends with one line, and without temporary files, whatever happens.

    A signal ends it as an exception does, so that what is temporary goes. The command is imported
    here, since that takes long enough to be interrupted, too.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it
            signal.signal(number, _ended)
    try:
        from harness.cli import app

        app()
    except BrokenPipeError:
        _silent(128 + signal.SIGPIPE)
    except OSError as error:
        place = f": {error.filename}" if error.filename else ""
        _end(f"{error.strerror or error}{place}", 2)
    except RecursionError:
        _end("the input is nested too deeply", 2)
    except MemoryError:
        _end("out of memory", 2)
    except Exception as error:  # the net below all readers: a fault of ours, told in one line
        if os.environ.get(TRACEBACK):
            raise
        _end(
            f"a fault of the harness's own: {type(error).__name__}: {error} ({TRACEBACK}=1 shows where)",
            INTERNAL,
        )


def _ended(number: int, frame: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # once is enough: what follows cleans up
    name = "interrupted" if number == signal.SIGINT else f"ended by {signal.Signals(number).name}"
    try:
        os.write(2, f"{name}\n".encode())
    finally:
        raise SystemExit(128 + number)


def _end(words: str, status: int) -> NoReturn:
    one = " ".join(words.split())
    printable = "".join(each if each.isprintable() else "?" for each in one)
    try:
        os.write(2, f"error: {printable[:500]}\n".encode(errors="replace"))
    finally:
        _silent(status)


def _silent(status: int) -> NoReturn:
    """Ends without flushing what can't be written any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    raise SystemExit(status)

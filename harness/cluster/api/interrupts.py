"""^C and SIGTERM: clean-up runs after either, and isn't cut short by a second."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


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

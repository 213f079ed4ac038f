"""Durations as routes and Linkerd's annotations write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.durations import is_duration, seconds
from harness.base.errors import InputError

if TYPE_CHECKING:
    from harness.analysis.translate.reader import Reader


def duration(reader: Reader, key: str) -> str:
    """Returns a field's duration in whole seconds or milliseconds (GEP-2257), empty if absent or 0.

    Raises InputError for a text that is no duration.
    """
    text = reader.text(key)
    if text and not is_duration(text):
        raise InputError(
            f"{reader.resource} {reader.at(key)}: {text!r} isn't a duration",
            where=reader.resource.place(reader.at(key)),
            todo="write 1h, 1m, 1s or 1ms",
        )
    return written((seconds(text) or 0) if text else 0)


def written(amount: float) -> str:
    """Returns an amount of seconds as a duration, empty for 0."""
    milliseconds = round(amount * 1000)
    if milliseconds == 0:
        return ""
    if milliseconds % 1000 == 0 or milliseconds > 99_999:
        return f"{round(milliseconds / 1000)}s"
    return f"{milliseconds}ms"

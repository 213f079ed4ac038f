"""Durations as routes and Linkerd's annotations write them."""

from __future__ import annotations


def written(amount: float) -> str:
    """Returns an amount of seconds as a duration, empty for 0."""
    milliseconds = round(amount * 1000)
    if milliseconds == 0:
        return ""
    if milliseconds % 1000 == 0 or milliseconds > 99_999:
        return f"{round(milliseconds / 1000)}s"
    return f"{milliseconds}ms"

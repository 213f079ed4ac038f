"""Durations as Kubernetes' APIs write them."""

from __future__ import annotations

import re

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001, "us": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|ns|h|m|s)")


def is_duration(text: str) -> bool:
    """Returns whether a text is a Go duration from zero up."""
    return text == "0" or (bool(text) and not _PART.sub("", text))


def seconds(text: str | None) -> float | None:
    """Returns a Go duration (`1h30m`, `500ms`) in seconds; None for none, for zero, and for what isn't one.

    Zero means "no limit" wherever the model reads durations.
    """
    if not text or _PART.sub("", text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text)) or None


def written(amount: float) -> str:
    """Returns an amount of seconds as a duration, empty for 0."""
    milliseconds = round(amount * 1000)
    if milliseconds == 0:
        return ""
    if milliseconds % 1000 == 0 or milliseconds > 99_999:
        return f"{round(milliseconds / 1000)}s"
    return f"{milliseconds}ms"

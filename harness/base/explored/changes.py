"""How texts of a request come of others, where rules change them before they ask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Change:
    """How a text came of another: `name` says how, `apply` does it, `undo` gives what it may have been.

    `form` is an expression for all that can come of it, if that isn't any text.
    """

    name: str
    apply: Callable[[str], str] = field(compare=False)
    undo: Callable[[str], Iterable[str]] = field(compare=False)
    form: str = ""


def dropped(start: str) -> Change:
    """Returns the change that takes a text's beginning away."""
    return Change(f"-{start}", lambda text: text[len(start) :], lambda text: (start + text,))


def prefixed(start: str) -> Change:
    """Returns the change that puts something before a text."""
    return Change(
        f"+{start}",
        lambda text: start + text,
        lambda text: (text[len(start) :],) if text.startswith(start) else (),
    )


def suffixed(end: str) -> Change:
    """Returns the change that puts something behind a text."""
    return Change(
        f"{end}+",
        lambda text: text + end,
        lambda text: (text.removesuffix(end),) if text.endswith(end) else (),
    )


_SAFE = "".join(sign for sign in map(chr, range(0x21, 0x7F)) if sign not in '"#%&+<>^`{|}')

DECODED = Change("decoded", unquote_plus, lambda text: (quote(text, safe=_SAFE),))
"""What becomes of the escapes in a query."""

LOWER = Change("lower case", str.lower, lambda text: (text, text.upper()))
PORT = Change("port", lambda text: text.partition(":")[2], lambda text: (f"harness:{text}",))
PORTLESS = Change(
    "without port",
    lambda text: text.partition(":")[0],
    lambda text: (text, *(f"{text}:{port}" for port in (8080, 80, 443))),
)


def changed(value: Any, changes: Iterable[Change]) -> Any:
    """Returns a value after changes; None stays."""
    if value is not None:
        for change in changes:
            value = change.apply(value)
    return value

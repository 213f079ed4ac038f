"""Names in texts: what one name becomes in the place of another, in whatever has texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z0-9_-]+")
"""What stands between the other characters of a text: a name, a number, a word."""


@dataclass(frozen=True, eq=False)
class Renaming:
    """Which names are exchanged for which: those of `names`, and else those of `others`."""

    names: Mapping[str, str]
    others: Mapping[str, str] = field(default_factory=dict)
    _texts: dict[str, str] = field(default_factory=dict, init=False)

    def text(self, text: str) -> str:
        """Returns a text with its names exchanged."""
        if text not in self._texts:
            self._texts[text] = NAME.sub(self._name, text)
        return self._texts[text]

    def _name(self, name: re.Match[str]) -> str:
        return self.names.get(name[0]) or self.others.get(name[0], name[0])

    def of(self, value: Any) -> Any:
        """Returns a value with the names in its texts exchanged: of texts, tuples and frozen data."""
        kind = type(value)
        if kind is str:
            return self.text(value) if value else value
        if isinstance(value, tuple):
            parts = map(self.of, value)
            return kind(*parts) if hasattr(kind, "_fields") else tuple(parts)
        if not is_dataclass(kind):
            return value
        return kind(*(self.of(getattr(value, name)) for name in _fields(kind)))


@cache
def _fields(kind: type[Any]) -> tuple[str, ...]:
    return tuple(each.name for each in fields(kind) if each.init)

"""Names in texts: what one name becomes in the place of another, in whatever has texts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.base.records import with_fields
from harness.base.resources import Resource
from harness.traffic.trace import Words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.model import State
    from harness.traffic.request import Request
    from harness.traffic.trace import Step

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

    def values(self, pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Returns headers with names exchanged in what they say."""
        return tuple((name, self.text(value)) for name, value in pairs)

    def request(self, request: Request) -> Request:
        """Returns a request with names exchanged: in its URL behind the scheme, and in what headers say."""
        scheme, colon, rest = request.url.partition("://")
        return replace(
            request,
            source=self.of(request.source),
            url=f"{scheme}{colon}{self.text(rest)}",
            headers=self.values(request.headers),
            through=self.of(request.through),
        )

    def trace(self, steps: Iterable[Step], state: State) -> tuple[Step, ...] | None:
        """Returns the steps by what a state has under exchanged names; None if it hasn't got all of that."""
        try:
            return tuple(self._step(step, state) for step in steps)
        except KeyError:
            return None

    def _step(self, step: Step, state: State) -> Step:
        resource, *also = (self._object(each, state) for each in (step.resource, *step.also))
        parts = self._parts(step.parts, state)
        return with_fields(step, resource=resource, also=tuple(also), parts=parts)

    def _parts(self, parts: Iterable[Any], state: State) -> tuple[Any, ...]:
        def renamed(part: Any) -> Any:
            if isinstance(part, Words):
                return part._replace(parts=self._parts(part.parts, state))
            return self._object(part, state) if isinstance(part, Resource) else self.of(part)

        return tuple(map(renamed, parts))

    def _object(self, resource: Resource | None, state: State) -> Resource | None:
        if resource is None:
            return None
        stored = state.get(*map(self.text, resource.key))
        if stored is None:
            raise KeyError(resource.key)
        return stored

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

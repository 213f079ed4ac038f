"""Changes of headers, as routes of all APIs ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HeaderChanges:
    """What a proxy does to headers: `set` replaces, `add` appends, `remove` takes away."""

    set: Headers = ()
    add: Headers = ()
    remove: tuple[str, ...] = ()

    def apply(self, headers: Headers) -> Headers:
        """Returns the headers after removing, setting, adding: Envoy's order."""
        kept = without(headers, self.remove)
        kept = without(kept, (name for name, _ in self.set))
        return kept + tuple((name.lower(), value) for name, value in self.set + self.add)

    def apply_removing_last(self, headers: Headers) -> Headers:
        """Returns the headers after adding, setting, removing: the order of Linkerd's proxy."""
        added = headers + tuple((name.lower(), value) for name, value in self.add)
        kept = without(added, (name for name, _ in self.set))
        return without(kept + tuple((name.lower(), value) for name, value in self.set), self.remove)

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


UNCHANGED = HeaderChanges()


def without(headers: Headers, names: Iterable[str]) -> Headers:
    """Returns the headers without those of these names."""
    gone = {name.lower() for name in names}
    if not any(name in gone for name, _ in headers):
        return headers
    return tuple((name, value) for name, value in headers if name.lower() not in gone)

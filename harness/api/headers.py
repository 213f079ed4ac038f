"""Changes of headers, as routes of all APIs ask for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.base.explored import Member

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.explored import Attribute, Journal

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
        return plus(kept, self.set + self.add)

    def apply_removing_last(self, headers: Headers) -> Headers:
        """Returns the headers after adding, setting, removing: the order of Linkerd's proxy."""
        kept = without(plus(headers, self.add), (name for name, _ in self.set))
        return without(plus(kept, self.set), self.remove)

    def __bool__(self) -> bool:
        return bool(self.set or self.add or self.remove)


UNCHANGED = HeaderChanges()


class OpenHeaders(tuple[tuple[str, str], ...]):
    """The headers of an explored request: what rules made of them. The client's own may be asked for.

    Those of `settled` names are the rules' alone: the client's own are replaced or gone.
    """

    journal: Journal
    settled: frozenset[str] = frozenset()

    @classmethod
    def of(cls, journal: Journal) -> OpenHeaders:
        """Returns the headers as the client sends them."""
        headers = cls()
        headers.journal = journal
        return headers

    def having(self, pairs: Headers, settled: Iterable[str] = ()) -> OpenHeaders:
        """Returns these headers with other pairs of rules, and more names settled."""
        headers = OpenHeaders(pairs)
        headers.journal, headers.settled = self.journal, self.settled.union(settled)
        return headers

    def values(self, name: str) -> list[str]:
        """Returns the values of a name; whether the client sends it is asked."""
        own = self._own(name)
        return [*([] if own is None else [own]), *self._set(name)]

    def lines(self, name: str) -> list[str]:
        """Returns the same for who looks at each line by itself: one stands for all of the client's."""
        own = self._own(name)
        if own is not None and self.journal.several(own.attribute):
            return [Member(own.attribute, self.journal), *self._set(name)]
        return [*([] if own is None else [own]), *self._set(name)]

    def _own(self, name: str) -> Attribute | None:
        return None if name in self.settled else self.journal.optional(f"header {name}")

    def _set(self, name: str) -> list[str]:
        return [value for key, value in self if key == name]


def plus(headers: Headers, added: Headers) -> Headers:
    """Returns the headers with more lines."""
    lines = tuple((name.lower(), value) for name, value in added)
    return headers.having((*headers, *lines)) if isinstance(headers, OpenHeaders) else headers + lines


def without(headers: Headers, names: Iterable[str]) -> Headers:
    """Returns the headers without those of these names."""
    gone = {name.lower() for name in names}
    if isinstance(headers, OpenHeaders):
        return headers.having(tuple(pair for pair in headers if pair[0] not in gone), gone)
    if not any(name in gone for name, _ in headers):
        return headers
    return tuple((name, value) for name, value in headers if name.lower() not in gone)

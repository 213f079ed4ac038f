"""What installed packages add to the harness, by entry points."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import entry_points
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeVar

from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.metadata import EntryPoint

GROUP = "mesh_migration_harness.{}"
"""The group of the entry points of a kind [packaging.python.org: Entry points specification]."""

T = TypeVar("T")


class Extensible(Mapping[str, T]):
    """Things of one kind by their names: the harness's own, and those of other packages.

    An entry point's name is the thing's. `accept` returns what an entry point's object stands for, and raises
    TypeError with a reason for one that can't be used. Nothing is loaded before a name is looked for that
    isn't the harness's own. Then each extension that can't be used raises InputError: what it was to check
    would be missing without a word.
    """

    def __init__(self, kind: str, own: Mapping[str, T], accept: Callable[[str, object], T]) -> None:
        self.own = own
        self._kind = kind
        self._accept = accept

    def __getitem__(self, name: str) -> T:
        return self.own[name] if name in self.own else self._others[name]

    def __iter__(self) -> Iterator[str]:
        return chain(self.own, self._others)

    def __len__(self) -> int:
        return len(self.own) + len(self._others)

    @cached_property
    def _others(self) -> Mapping[str, T]:
        others: dict[str, T] = {}
        for point in entry_points(group=GROUP.format(self._kind)):
            if point.name in self.own or point.name in others:
                raise self._unusable(point, f"there is another one called {point.name!r}")
            try:
                others[point.name] = self._accept(point.name, point.load())
            except Exception as error:  # it runs code of others
                raise self._unusable(point, f"{type(error).__name__}: {error}") from error
        return others

    def _unusable(self, point: EntryPoint, why: str) -> InputError:
        package = point.dist.name if point.dist else "an unknown package"
        return InputError(
            f"an extension can't be used: {point.value}",
            where=f"entry point {point.group}: {point.name} of {package}",
            why=why,
            todo=f"mend {package}, or uninstall it",
        )


def subclass_of(base: type[Any]) -> Callable[[str, object], Any]:
    """Returns what accepts a subclass of a class, whose `kind` is its name."""

    def accept(name: str, value: object) -> object:
        if not (isinstance(value, type) and issubclass(value, base)):
            raise TypeError(f"it isn't a subclass of {base.__name__}")
        if getattr(value, "kind", None) != name:
            raise TypeError(f"its `kind` isn't {name!r}")
        return value

    return accept

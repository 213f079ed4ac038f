"""What holds for several requests: which of them reach the same pod, and how many get through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Key(StrEnum):
    """What requests can have in common that are kept together."""

    HEADER = "header"
    COOKIE = "cookie"
    PARAMETER = "parameter"
    SOURCE = "source"
    """The client's address."""
    CONNECTION = "connection"


@dataclass(frozen=True)
class Affinity:
    """What keeps requests on one of several pods: the same header, cookie or query parameter of this name.

    Or the same client's address, or the same connection, which have none. `seconds` is how long that lasts
    after the last request, 0 for as long as the pods stay the same.
    """

    key: Key
    name: str = ""
    seconds: int = 0

    def __str__(self) -> str:
        words = f"{self.key} {self.name}".rstrip()
        return f"{words} for {self.seconds} s" if self.seconds else words


BY_CONNECTION = (Affinity(Key.CONNECTION),)
"""What keeps requests together where a pod is picked for each connection."""


@dataclass(frozen=True)
class Rate:
    """A limit: so many requests a second of these clients together, at each pod that is asked."""

    requests: int
    clients: str

    def __str__(self) -> str:
        return f"{self.requests} a second of {self.clients}"


@dataclass(frozen=True)
class Series:
    """What holds for requests like one that was decided, if there are several.

    `affinity` is what keeps them on one of several pods, all of it together, `pool` the name of those pods;
    without any each goes for itself. `zones` is the setting by which pods of some zones get more of them.
    `rates` are the limits that they count for.
    """

    affinity: tuple[Affinity, ...] = ()
    pool: str = ""
    zones: str = ""
    rates: tuple[Rate, ...] = ()


EACH_FOR_ITSELF = Series()
"""Of requests that no rule brings together."""

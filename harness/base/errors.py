"""Errors that a user can put right."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from harness.base.places import Place, Position

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.places import Location
    from harness.base.resources import Resource


class HarnessError(Exception):
    """Base of every error meant for the user; shown without a traceback.

    `what` happened, `where` (file:line:column or kind/namespace/name), `why`,
    and what to do next (`todo`). Every part but the first may be empty.
    """

    def __init__(
        self, what: str, *, where: str | Place | Location = "", why: str = "", todo: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self._where = where
        self.why = why
        self.todo = todo

    @property
    def where(self) -> str:
        """Where it happened; a field's place is looked up for that."""
        return str(self._where)

    @property
    def position(self) -> Position:
        """Where it happened, as far as that is a place in a file."""
        return self._where.position if isinstance(self._where, Place) else Position.parse(self.where)

    @property
    def each(self) -> tuple[HarnessError, ...]:
        """The errors that this one tells of: itself, if it isn't several."""
        return (self,)

    @property
    def path(self) -> str:
        """The path of the object's field where it happened; empty if no field's place is told."""
        return self._where.path if isinstance(self._where, Place) else ""

    @property
    def brief(self) -> str:
        """What happened, and why, in one line."""
        return f"{self.what} ({self.why})" if self.why else self.what

    def __str__(self) -> str:
        where = self.where
        lines = [f"{where}: {self.what}" if where else self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.todo:
            lines.append(f"  do:  {self.todo}")
        return "\n".join(lines)


class InputError(HarnessError):
    """A file of the user's (scenario or manifest) that can't be used as it is."""


class NotModelledError(HarnessError):
    """A resource or field that the model doesn't understand, and so can't decide with.

    `resource` is the object, if it is about one, and `field` the path of the part of it (empty: all of it).
    """

    resource: Resource | None = None
    field: str = ""


class NotPredictedError(NotModelledError):
    """What only a cluster can show: the model has nothing to say about it, so there is nothing to judge."""


class MissingError(HarnessError):
    """A tool, image or cluster that a provider needs isn't there."""


class WitnessError(HarnessError):
    """The witnesses of something contradict each other, so nothing is known."""


class StageError(HarnessError):
    """A transition that didn't reach its stage."""


_MANY, _NEAREST = 40, 8
"""Of more valid words than these the nearest are listed."""


def did_you_mean(word: str, valid: Iterable[str]) -> str:
    """Returns what to tell about an unknown word: the closest valid one, then all of them, or the nearest."""
    options = sorted(set(valid))
    if not options:
        return "there are none here"
    nearest = get_close_matches(word, options, n=_NEAREST, cutoff=0) if len(options) > _MANY else options
    left = len(options) - len(nearest)
    listed = ", ".join(nearest) + (f", and {left} more" if left else "")
    close = get_close_matches(word, options, n=1, cutoff=0.6)
    return f"did you mean {close[0]}? Valid: {listed}" if close else f"valid: {listed}"


def not_modelled(
    resource: Resource, field: str, why: str, todo: str = "", *, about: str = ""
) -> NotModelledError:
    """Returns the error for an object that the model can't decide with; of the whole, `about` says where."""
    error = NotModelledError(
        f"{resource}{' ' + field if field else ''} isn't modelled",
        where=resource.place(field or about),
        why=why,
        todo=todo or "judge it on a cluster, or leave it out of this scenario",
    )
    error.resource, error.field = resource, field
    return error

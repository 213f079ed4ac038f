"""What an attribute of a request can be."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.base.explored import Further, Stays
from harness.base.matching import TextMatch

if TYPE_CHECKING:
    from harness.base.explored import Asked

VISIBLE = string.ascii_letters + string.digits + "-_./:@,;=+*!~$'()[]{}<>|^%&?#\\\"` "


@dataclass(frozen=True)
class Kind:
    """What an attribute can be: one of `few` values, or a text of some `characters`.

    `form` is an expression for all that it can be. `usual` are texts that are tried first. `absent`: it
    needn't be there. Of those `aside` one request is enough. `open`: beside the `few`, texts that conditions
    name are values, too. `never` are visible characters that a rule's own texts may not have either (None:
    they have no others than `characters`). `made` is an expression for texts that no rule names. `several`
    stands between texts, where it may be more than one. `beside` are values that are no text.
    """

    few: tuple[Any, ...] = ()
    usual: tuple[str, ...] = ()
    characters: str = VISIBLE
    start: str = ""
    absent: bool = False
    form: str = ""
    aside: tuple[Any, ...] = ()
    open: bool = False
    never: str | None = None
    made: str = ""
    several: str = ""
    beside: tuple[Any, ...] = ()

    @property
    def is_closed(self) -> bool:
        """Whether it can be one of the few values alone."""
        return bool(self.few) and not self.open

    def is_aside(self, value: object, question: Asked) -> bool:
        """Returns whether one request with a value is enough: another place is where the rest is decided."""
        if isinstance(question.test, Stays):
            return not question.answer
        if isinstance(question.test, Further):
            return value is not None
        return value in self.aside or (bool(self.aside) and question.answer is None)

    def takes(self, value: object) -> bool:
        """Returns whether a value is one of the attribute's."""
        if value in self.few or (self.few and not self.open):
            return value in self.few
        if not isinstance(value, str):
            return value is None and self.absent
        if value in self.beside:
            return True
        if self.form and not TextMatch("regex", self.form).holds(value):
            return False
        return all(map(self._fits, value.split(self.several) if self.several else (value,)))

    def _fits(self, text: str) -> bool:
        fits = text.startswith(self.start) and text == text.strip() and bool(text or self.absent)
        return fits and all(map(self.allows, text))

    def allows(self, character: str) -> bool:
        """Returns whether a character can be in a text."""
        if character in self.characters:
            return True
        return self.never is not None and character.isprintable() and character not in self.never


class Undecided(Exception):  # noqa: N818
    """Whether there is a value isn't known."""

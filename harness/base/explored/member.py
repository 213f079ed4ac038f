"""One of several texts of a request that is explored, whichever: what is asked of it is asked of some."""

from __future__ import annotations

from harness.base.explored.attribute import unasked
from harness.base.explored.changes import Change, changed
from harness.base.explored.journal import AND, Among, Journal, Some, Unasked
from harness.base.matching import Asking, TextMatch

_FILLED = TextMatch("regex", ".+")


class Member(Asking):
    """Stands for each text of an attribute: it may be asked, once at a time, and not be changed.

    Two questions may be about two of the texts. So a rule may only ask whether there is one that fulfils
    a condition.
    """

    attribute: str
    journal: Journal
    spaced: bool
    changes: tuple[Change, ...]

    def __new__(
        cls, attribute: str, journal: Journal, *, spaced: bool = False, changes: tuple[Change, ...] = ()
    ) -> Member:
        member = super().__new__(cls, attribute)
        member.attribute, member.journal, member.spaced = attribute, journal, spaced
        member.changes = changes
        return member

    def asks(self, test: TextMatch) -> bool:
        return self._records(test)

    def among(self, names: frozenset[str]) -> bool:
        return self._records(Among(names))

    def _records(self, test: TextMatch | Among) -> bool:
        some = Some(test, self.spaced)
        answer = some.holds(changed(self.journal.values.get(self.attribute), self.changes))
        self.journal.record(self.attribute, some, answer, self.changes)
        return answer

    def isascii(self) -> bool:
        """Returns True; several lines beyond ASCII can't be told apart."""
        if not str(self.journal.values.get(self.attribute)).replace(AND, "").isascii():
            raise Unasked(f"lines of {self.attribute} are told apart that are beyond ASCII")
        return True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and self._records(TextMatch("exact", other))

    __hash__ = unasked("__hash__")

    def __bool__(self) -> bool:
        return self._records(_FILLED)


_ANSWERED = {
    *("__new__", "__init__", "__eq__", "__hash__", "__bool__", "__class__", "__getattribute__"),
    *("__setattr__", "__delattr__", "__dir__", "__doc__", "__init_subclass__", "__subclasshook__"),
    *("__sizeof__", "__reduce__", "__reduce_ex__", "__getstate__", "__getnewargs__", "maketrans"),
    *("__str__", "__repr__", "__format__", "isascii"),
}

for _name in set(dir(str)) - _ANSWERED:
    setattr(Member, _name, unasked(_name))

"""Whether there is an address that networks have and others haven't."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.explored import InNetwork
from harness.base.networks import borders
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.base.explored import Asked


def no_address(conditions: Sequence[Asked]) -> bool:
    """Returns whether no address, nor a text that is none, is in the networks that it must be in alone."""
    asked = [each for each in conditions if isinstance(each.test, InNetwork)]
    likely = (
        "",
        *(
            address
            for each in asked
            if isinstance(each.test, InNetwork)
            for address in borders(each.test.block)
        ),
    )
    return any(
        not any(all(each.test.holds(text) == each.answer for each in same) for text in likely)
        for same in grouped((each.changes, each) for each in asked).values()
    )

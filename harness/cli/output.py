"""What commands write to people and to other programs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from harness.base.display import shown
from harness.cli.colour import coloured, is_coloured

if TYPE_CHECKING:
    from collections.abc import Iterable


def tell(text: str, *, nl: bool = True, err: bool = False, is_safe: bool = False) -> None:
    """Writes a text with its control characters shown; what has no sign in the terminal's encoding, too.

    On a terminal words have colours by their meaning (`cli.colour`). A text that `is_safe` has been
    made so by its maker, who gave it colours of its own. What was written is there when it
    returns: raises OSError where it can't be written.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    safe = text if is_safe else shown(text)
    if is_coloured(stream) and not is_safe:
        safe = coloured(safe)
    whole = f"{safe}\n" if nl else safe
    stream.write(whole.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def command(lines: Iterable[str]) -> None:
    """Writes lines that a CI system is to obey: who makes them has escaped what is in them."""
    stream = sys.stdout
    stream.writelines(f"{each}\n" for each in lines)
    stream.flush()

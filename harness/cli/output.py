"""What commands write to people and to other programs."""

from __future__ import annotations

import sys

from harness.base.display import shown


def tell(text: str, *, nl: bool = True, err: bool = False) -> None:
    """Writes a text with its control characters shown; what has no sign in the terminal's encoding, too.

    What was written is there when it returns: raises OSError where it can't be written.
    """
    stream = sys.stderr if err else sys.stdout
    encoding = stream.encoding or "utf-8"
    whole = f"{shown(text)}\n" if nl else shown(text)
    stream.write(whole.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()

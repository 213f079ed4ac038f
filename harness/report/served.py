"""Which kinds an answer takes for served: a line for a terminal, and plain data for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.served import Served


def text(served: Served, unevaluated: Sequence[str] = ()) -> str:
    """Returns a line that names releases and definitions, one more for each rule that wasn't asked.

    Nothing where no kinds but Kubernetes' own are served.
    """
    lines = [f"served kinds: {', '.join(served.sources)}"] if served.sources else []
    lines += [f"not evaluated: {rule}" for rule in unevaluated]
    return "".join(f"{line}\n" for line in lines)


def data(served: Served, unevaluated: Sequence[str] = ()) -> dict[str, Any]:
    """Returns the same as plain data."""
    return {"by": list(served.sources), "not_evaluated": list(unevaluated)}

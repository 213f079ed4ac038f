"""`harness clean`: what dead runs left, listed and removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base.errors import HarnessError
from harness.cluster.api.tools import find, run
from harness.cluster.objects.kind import Kind
from harness.cluster.ownership import ownership, reclaim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.cluster.ownership.ownership import Record


def clean(*, remove: bool, kept: bool) -> Iterator[str]:
    """Yields a line for each thing that was left, and removes it if asked; `kept` clusters only if asked too.

    Raises HarnessError at the end for what couldn't be removed.
    """
    kind = Kind(run) if find("kind") and find("docker") else None
    failures: list[str] = []
    found = 0
    for leftover in reclaim.leftovers(kind):
        told = leftover.what + _since(leftover.record)
        if leftover.kept and not kept:
            leftover.lease.release()
            yield f"kept     {told}: removed with --kept"
            continue
        found += 1
        if not remove:
            leftover.lease.release()
            yield f"left     {told}"
            continue
        try:
            reclaim.remove(leftover, kind)
        except HarnessError as error:
            failures.append(f"{leftover.what}: {error}")
            yield f"failed   {told}"
        else:
            yield f"removed  {told}"
    for record in ownership.held():
        yield f"in use   {record.provider} {record.name}{_since(record)}"
    if not found:
        yield "dead runs left nothing"
    elif not remove:
        yield "remove it: harness clean --yes"
    if failures:
        raise HarnessError("not all could be removed", why="\n       ".join(failures), todo="try again")


def _since(record: Record | None) -> str:
    return f" (process {record.pid}, {record.since})" if record else ""

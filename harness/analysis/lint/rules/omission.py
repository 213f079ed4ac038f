"""What a lenient model left out: what an API refuses, and what the model doesn't know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.lint.rule import seen
from harness.api.schema.shapes import UNKNOWN_FIELD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.lint.rule import Sign
    from harness.model.state import Undecided


def signs(omissions: Iterable[Undecided]) -> Iterator[tuple[str, Sign]]:
    """Yields a rule's id and its sign for each."""
    for omission in omissions:
        resource, field = omission.resource, omission.field or omission.about
        if omission.why == UNKNOWN_FIELD:
            near, mark, _ = omission.todo.partition("?")
            todo = f"{near}{mark}" if near.startswith("did you mean") else "correct its name"
            version, kind = resource.api_version, resource.kind
            yield "field-unknown", seen(resource, field, version=version, kind=kind, todo=todo)
        else:
            name = "refused-by-api" if omission.refused else "not-looked-at"
            yield name, seen(resource, field, words=omission.why)

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
            yield "field-unknown", seen(resource, field, version=resource.api_version, kind=resource.kind)
        else:
            name = "refused-by-api" if omission.refused else "not-looked-at"
            yield name, seen(resource, field, words=omission.why)

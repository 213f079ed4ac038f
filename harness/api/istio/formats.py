"""Texts in which Envoy puts values of its own: `%%` is a percent sign, `%NAME%` a variable.

[Envoy: substitution formatter, as in headers that are added to requests and answers]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.headers import HeaderChanges

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.headers import Headers

VARIABLE = "what Envoy puts in the place of its variables isn't known"


def written(changes: HeaderChanges) -> HeaderChanges:
    """Returns what Envoy does to headers by these changes, none of which has a variable."""
    return HeaderChanges(_written(changes.set), _written(changes.add), changes.remove)


def _written(headers: Headers) -> Headers:
    return tuple((name, value.replace("%%", "%")) for name, value in headers)


def variables(changes: HeaderChanges) -> Iterator[str]:
    """Yields the names of headers whose new values have variables, or a `%` that Envoy doesn't take."""
    yield from (name for name, value in changes.set + changes.add if "%" in value.replace("%%", ""))

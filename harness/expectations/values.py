"""How an expectation writes a value, and how a body is looked into."""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, model_validator

from harness.base import expressions
from harness.base.expressions import Dialect
from harness.expectations.base import UNKNOWN, Strict

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def seconds(text: object) -> object:
    """Reads `500ms`, `5s` or `1m` as seconds; raises ValueError for anything else."""
    if isinstance(text, float):
        return text
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", text) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"{text!r} isn't a duration: write 500ms, 5s or 1m")
    return float(match[1]) * UNITS[match[2]]


Seconds = Annotated[float, BeforeValidator(seconds, json_schema_input_type=str)]


def _regex(pattern: str | None) -> str | None:
    if fault := expressions.fault(pattern or "", Dialect.RE2):
        raise ValueError(f"{pattern!r} isn't a regular expression (RE2): {fault.why}")
    return pattern


class TextMatch(Strict):
    """What a text must be: one of these; `matches` is a regular expression (RE2) for the whole text."""

    equals: str | None = None
    contains: str | None = None
    matches: Annotated[str | None, AfterValidator(_regex)] = None
    absent: bool | None = None

    @model_validator(mode="after")
    def _one(self) -> TextMatch:
        if len(self.model_fields_set) != 1:
            raise ValueError("write one of equals, contains, matches, absent")
        return self

    def holds(self, text: str | None) -> bool:
        """Returns whether the text (None: there is none) is as it must be."""
        if self.absent is not None:
            return (text is None) is self.absent
        if text is None:
            return False
        if self.contains is not None:
            return self.contains in text
        if self.matches is not None:
            return expressions.matches(f"(?s:{self.matches})", text)
        return text == self.equals

    def __str__(self) -> str:
        (name,) = self.model_fields_set
        return f"{name} {getattr(self, name)!r}"


def _match(value: object) -> object:
    return {"equals": value} if isinstance(value, str) else value


Text = Annotated[TextMatch, BeforeValidator(_match, json_schema_input_type=str | TextMatch)]
"""A text match; a plain string means `equals`."""


def json_value(body: str | None, path: str) -> str:
    """Returns the value at a dotted path of a JSON body as text (JSON where it isn't a string).

    What it can't find it says in the value's stead; UNKNOWN where there is no body to look into.
    """
    if body is None:
        return UNKNOWN
    try:
        value = json.loads(body)
    except ValueError:
        return f"a body that isn't JSON: {body[:60]!r}"
    for part in path.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, dict) and part in value:
            value = value[part]
        else:
            return f"no {path} in the body"
    return value if isinstance(value, str) else json.dumps(value)

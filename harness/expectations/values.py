"""How an expectation writes a value, and how a body is looked into."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from harness.base import Mesh, Workload, did_you_mean, expressions
from harness.base.expressions import Dialect
from harness.expectations.verdict import UNKNOWN
from harness.traffic.request import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Strict(BaseModel):
    """A part of a scenario file: no unknown keys, no conversions, no changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)

    def faults(self) -> Iterator[str]:
        """Yields how its parts contradict each other, or what is missing among them."""
        return iter(())

    @model_validator(mode="after")
    def _faultless(self) -> Self:
        for fault in self.faults():
            raise ValueError(fault)
        return self


def _url(value: str) -> str:
    Request(Workload("any", "any"), value)
    return value


def _method(value: str) -> str:
    if not (value.isascii() and value.isalpha() and value.isupper()):
        raise ValueError(f"{value!r} isn't a method: write it in capitals, as in GET")
    return value


def mesh_or_none(value: object, valid: tuple[str, ...] = (*Mesh, "none")) -> Mesh | None:
    """Reads a mesh's name, or `none` as None; raises ValueError for one that isn't valid."""
    if value not in valid:
        raise ValueError(f"unknown mesh {value!r}; {did_you_mean(str(value), valid)}")
    return None if value == "none" else Mesh(str(value))


def text_as(parse: Callable[[str], object], written: object = str) -> BeforeValidator:
    """Returns what reads a text as something else, and leaves all that isn't text as it is.

    `written` is the type that may be written, for the schema.
    """
    return BeforeValidator(
        lambda value: parse(value) if isinstance(value, str) else value, json_schema_input_type=written
    )


def scheme(*valid: str, words: str) -> AfterValidator:
    """Returns what refuses URLs that don't begin so, in these words."""

    def check(url: str) -> str:
        if not url.startswith(valid):
            raise ValueError(f"{url!r}{words}")
        return url

    return AfterValidator(check)


_mesh = partial(mesh_or_none, valid=tuple(Mesh))
MeshName = Annotated[Mesh, BeforeValidator(_mesh, json_schema_input_type=Literal["istio", "linkerd"])]
MeshNameOrNone = Annotated[
    Mesh | None, BeforeValidator(mesh_or_none, json_schema_input_type=Literal["istio", "linkerd", "none"])
]
WorkloadName = Annotated[Workload, text_as(Workload.parse)]
Url = Annotated[str, AfterValidator(_url)]
Method = Annotated[str, AfterValidator(_method)]


def number(value: object, units: str, words: str) -> tuple[str, str]:
    """Returns a number's digits and its unit; raises ValueError for anything else, with what it should be."""
    match = re.fullmatch(rf"(\d+(?:\.\d+)?)({units})", value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} isn't {words}")
    return match[1], match[2]


def _share(text: object) -> object:
    words = "a share above 0 and below 100 %: write 0.1%"
    digits, _ = number(text, " ?%", words)
    if not 0 < float(digits) < 100:
        raise ValueError(f"{text!r} isn't {words}")
    return float(digits) / 100


Percentage = Annotated[float, BeforeValidator(_share, json_schema_input_type=str)]
"""A share as a part of 1, written in percent."""


def _seconds(text: object) -> object:
    if isinstance(text, float):
        return text
    digits, unit = number(text, "ms|s|m", "a duration: write 500ms, 5s or 1m")
    return float(digits) * UNITS[unit]


Seconds = Annotated[float, BeforeValidator(_seconds, json_schema_input_type=str)]


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

    def faults(self) -> Iterator[str]:
        if len(self.model_fields_set) != 1:
            yield "write one of equals, contains, matches, absent"

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


Text = Annotated[TextMatch, text_as(lambda text: {"equals": text}, str | TextMatch)]
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

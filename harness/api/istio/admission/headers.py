"""What Istio's webhook refuses of names and values of headers [istio/istio: pkg/config/validation]."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from harness.api.istio.security import claims
from harness.api.refusal import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.api.istio.destination import HeaderOperations, Headers

_NAME = re.compile(r"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
_PSEUDO = (":method", ":scheme", ":authority", ":path", ":status")
EMPTY = "header name cannot be empty"

# Text, or variables of Envoy's: %NAME%, %NAME(ARGUMENT)%, %NAME(["ARGUMENT", …])%.
_WORD = r'(?:\\.|[^\\)"])*'
_LISTED = rf' *(?:"{_WORD}" *(?:, *"{_WORD}" *)*\] *\))'
_PLAIN = r'[^ \[](?:\\.|[^\\)"])*\)'
_VARIABLE = rf"%[^%(]*(?:%|\( *(?:\[{_LISTED}|{_PLAIN}) *%)"
_VALUE = re.compile(rf"(?:[^%]|%%|{_VARIABLE})*", re.DOTALL)
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


def matched_name(name: str) -> str:
    """The name of a header that a match asks for, or of what stands for one there."""
    if not name:
        return EMPTY
    fine = name in _PSEUDO or claims.routed_by(name) is not None or _NAME.fullmatch(name)
    return "" if fine else f"header name {name} is not a valid header name"


def listed_name(name: str) -> str:
    """The name of a header in a CORS policy; an asterisk stands for all."""
    if not name:
        return EMPTY
    return "" if _NAME.fullmatch(name) else f"header name {name} is not a valid header name"


def value(text: str) -> str:
    """The value that a header gets, in which `%` begins Envoy's variables."""
    if _CONTROL.search(text):
        return f"header value configuration {text} is invalid"
    if _VALUE.fullmatch(text):
        return ""
    words = "Un-escaped %" if text.endswith("%") else f"Un-terminated variable expression '{text}'"
    return f"header value configuration: invalid header configuration. {words}"


def _changed_name(name: str, *, authority: bool) -> str:
    """The name of a header that is changed; a request's host may be set, nothing else of it."""
    if not name:
        return EMPTY
    if name.lower() in ("host", ":authority") and authority:
        return ""
    if name.lower() == "host":
        return f'invalid header "{name}": cannot set Host header'
    return f'invalid header "{name}": header cannot have ":" prefix' if name.startswith(":") else ""


def changes(headers: Headers) -> Iterator[str]:
    """Yields what is wrong with changes of headers."""
    yield from _operations(headers.request, authority=True)
    yield from _operations(headers.response, authority=False)


def _operations(part: HeaderOperations, *, authority: bool) -> Iterator[str]:
    for key, entries in (("add", part.add), ("set", part.set)):
        for name, text in entries.items():
            for words in filter(None, (_changed_name(name, authority=authority), value(text))):
                yield Fault(words, f"{part.at(key)}.{name}")
    for index, name in enumerate(part.remove):
        if words := _changed_name(name, authority=False):
            yield Fault(words, part.entry("remove", index))

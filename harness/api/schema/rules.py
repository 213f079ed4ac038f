"""Rules of definitions in CEL (x-kubernetes-validations), run by the language's own engine.

Of Kubernetes' further functions those are here that the definitions of Istio and of the Gateway API call. A
rule with others can't be evaluated: it is told by name.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cel_expr_python import cel
from cel_expr_python.ext.ext_strings import ExtStrings

from harness.base.networks import is_address

if TYPE_CHECKING:
    from collections.abc import Mapping

_DYNAMIC, _TEXT, _BOOLEAN = cel.Type.DYN, cel.Type.STRING, cel.Type.BOOL

_RESERVED = frozenset(
    "true false null in as break const continue else for function if import let loop package namespace "
    "return var void while".split()
)
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}

_NOT_HERE = ("overload", "unimplemented", "unknown function")
"""What the engine says where it lacks something, rather than the object."""

_REASONS = {
    "FieldValueForbidden": "Forbidden: {message}",
    "FieldValueRequired": "Required value: {message}",
    "FieldValueDuplicate": "Duplicate value: {value}",
}


class Unevaluated(Exception):  # noqa: N818
    """A rule that the engine has no means to evaluate."""


@dataclass(frozen=True)
class Rule:
    """One rule about a value, and what the API server says of one that breaks it; `below` is its field."""

    text: str
    program: cel.Expression
    message: str
    message_program: cel.Expression | None
    reason: str
    below: str

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> Rule:
        """Reads a rule; raises Unevaluated for one that uses what the engine doesn't have."""
        text = str(written["rule"]).strip()
        expression = written.get("messageExpression")
        return cls(
            text,
            _program(text),
            str(written.get("message") or f"failed rule: {' '.join(text.split())}").strip(),
            _program(str(expression)) if expression else None,
            str(written.get("reason") or ""),
            str(written.get("fieldPath") or ""),
        )

    @property
    def is_transition(self) -> bool:
        """Whether it is only asked where there was a value before."""
        return "oldSelf" in self.text

    def fault(self, value: Any, old: Any, written: Any) -> str:
        """Returns how the API server refuses a value, empty if it doesn't; `written` is the value in words.

        Raises Unevaluated where the engine can't tell.
        """
        data = {"self": value, "oldSelf": old}
        answer = _answer(self.program, data)
        if answer is True:
            return ""
        message = self.message
        if isinstance(answer, str):
            message = f"{answer} evaluating rule: {message}"
        elif self.message_program:
            worded = self.message_program.eval(data=data)
            message = str(worded.value()) if worded.type() == _TEXT else message
        shown = _shown(written)
        form = _REASONS.get(self.reason, "Invalid value: {value}: {message}")
        return form.format(value=shown, message=message)


def syntax_fault(text: str) -> str:
    """Returns what is wrong with the form of an expression; empty for nothing, whatever it may mean."""
    try:
        _environment().compile(text)
    except RuntimeError as error:
        return str(error) if "Syntax error" in str(error) else ""
    return ""


def escaped(name: str) -> str:
    """Returns a field's name as rules write it [Kubernetes: CEL, escaping]."""
    if name in _RESERVED:
        return f"__{name}__"
    for character, word in _ESCAPES.items():
        name = name.replace(character, word)
    return name


def _answer(program: cel.Expression, data: Mapping[str, Any]) -> object:
    """What a rule says: true or false, or in words why it fails."""
    result = program.eval(data=data)
    if result.type() == _BOOLEAN:
        return result.value()
    words = str(result.value())
    if any(part in words.lower() for part in _NOT_HERE):
        raise Unevaluated(words)
    return words


def _shown(written: Any) -> str:
    if isinstance(written, dict | list):
        return '"object"' if isinstance(written, dict) else '"array"'
    return json.dumps(written, ensure_ascii=False)


@lru_cache(maxsize=1 << 12)
def _program(text: str) -> cel.Expression:
    try:
        return _environment().compile(text)
    except RuntimeError as error:
        raise Unevaluated(str(error)) from None


@lru_cache(maxsize=1)
def _environment() -> cel.Env:
    return cel.NewEnv(
        variables={"self": _DYNAMIC, "oldSelf": _DYNAMIC},
        extensions=[ExtStrings()],
        functions=[
            _function("isIP", _BOOLEAN, is_address),
            _function("isURL", _BOOLEAN, _is_url),
            _function("url", _TEXT, str),
            _function("getScheme", _TEXT, lambda text: urlsplit(text).scheme, member=True),
        ],
    )


def _function(name: str, result: cel.Type, make: Any, *, member: bool = False) -> cel.FunctionDecl:
    overload = cel.Overload(
        f"{name}_string", return_type=result, parameters=[_TEXT], is_member=member, impl=make
    )
    return cel.FunctionDecl(name, [overload])


def _is_url(text: str) -> bool:
    """Whether Go's url.ParseRequestURI takes a text: an absolute URL, or an absolute path."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) or text.startswith("/")

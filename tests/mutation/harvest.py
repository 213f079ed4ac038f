"""What objects say of requests: the texts that their fields hold, by the part of a request that they are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import rstr

from harness.base.networks import is_network
from harness.base.resources import per_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS")

_HOST = re.compile(r"\*?[a-z0-9*]([a-z0-9.-]*[a-z0-9])?(:\d+)?", re.IGNORECASE)
_NETWORK = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?")
_CLAIM = re.compile(r"request\.auth\.claims((\[[^\]]+\])+)")
_HEADER = re.compile(r"request\.headers\[([^\]]+)\]")
_MATCHES = ("exact", "prefix", "regex", "suffix")


@dataclass(frozen=True)
class Term:
    """What an object says of one part of a request: which part, its name if it has one, and a text.

    Of the text of an expression only the pattern is known: `expression`.
    """

    part: str
    name: str
    text: str
    expression: bool = False

    def example(self, random: Random) -> str:
        """Returns a text that the term takes."""
        return _taken(self.text, random.randrange(20)) if self.expression else self.text


@cache
def _taken(pattern: str, seed: int) -> str:
    """A text that an expression takes; the pattern itself where none can be made."""
    try:
        return str(rstr.Rstr(Random(seed)).xeger(pattern))[:80]
    except (re.error, KeyError, ValueError, OverflowError):
        return pattern


@dataclass(frozen=True)
class Clause:
    """What stands together in an object: an item of a list, or the whole."""

    terms: tuple[Term, ...] = ()

    def of(self, part: str) -> list[Term]:
        return [term for term in self.terms if term.part == part]


@per_object
def clauses(resource: Resource) -> tuple[Clause, ...]:
    """Returns what an object says of requests: all of it, and each item of its lists."""
    data = {key: value for key, value in resource.data.items() if key not in ("apiVersion", "kind", "status")}
    every = [Clause(tuple(_terms(data, ())))]
    every += [Clause(tuple(_terms(item, path))) for path, item in _items(data, ())]
    return tuple(clause for clause in every if clause.terms)


@per_object
def texts(resource: Resource) -> frozenset[str]:
    """Returns all keys and values of an object."""
    return frozenset(map(str, _leaves(resource.data)))


def _items(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the mappings in all lists below, with the keys that lead there."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _items(each, (*path, str(key)))
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, dict):
                yield path, each
            yield from _items(each, path)


def _leaves(value: Any) -> Iterator[object]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _leaves(each)
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each)
    elif value is not None:
        yield value


def _terms(value: Any, path: tuple[str, ...]) -> Iterator[Term]:
    """Yields what a value says of requests; `path` are the keys that lead to it."""
    if isinstance(value, list):
        for each in value:
            yield from _terms(each, path)
    elif isinstance(value, dict):
        yield from _conditions(value)
        yield from _pairs(value, path)
        for key, each in value.items():
            yield from _terms(each, (*path, str(key)))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        if 0 < value < 65536 and "port" in "".join(path).lower():
            yield Term("port", "", str(int(value)))
    elif isinstance(value, str):
        yield from _of_text(value, path)


def _of_text(text: str, path: tuple[str, ...]) -> Iterator[Term]:
    last, *outer = [*reversed(path), "", "", ""]
    where = [key.lower() for key in path]
    regex = "regex" in last.lower()
    if last in _MATCHES and any("header" in key for key in where[:-1]):
        yield Term("header", outer[0], unstarred(text), regex)
    elif last in _MATCHES and "queryParams" in path:
        yield Term("query", outer[0], unstarred(text), regex)
    elif "headers" in path and outer[0] in ("set", "add"):
        yield Term("header", last, text)
    elif "method" in "".join(where[-2:]) and text.upper() in METHODS:
        yield Term("method", "", text.upper())
    elif last == "audiences":
        yield Term("claim", "aud", text)
    elif last in ("issuer", "requestPrincipals", "notRequestPrincipals"):
        yield from _principal(text if "rincipal" in last else f"{text}/somebody")
    elif _NETWORK.fullmatch(text) or ("lock" in "".join(path[-2:]) and ":" in text):
        if is_network(text):
            yield Term("network", "", text)
    elif text.startswith("/") or any(
        key in ("uri", "path", "paths", "notpaths", "pathregex") for key in where[-2:]
    ):
        regex = regex or bool(re.search(r"[\[\]()|?+\\]|\.\*", text) and "match" in "".join(path))
        yield Term("path", "", text if regex else unstarred(text), regex)
    elif _HOST.fullmatch(text):
        yield Term("host" if "." in text or "host" in "".join(where) else "word", "", unstarred(text))


def _principal(text: str) -> Iterator[Term]:
    issuer, _, subject = text.rpartition("/")
    yield Term("claim", "iss", unstarred(issuer))
    yield Term("claim", "sub", unstarred(subject))


def _conditions(value: dict[Any, Any]) -> Iterator[Term]:
    """What a condition of a policy says: a key and its values."""
    key = value.get("key")
    if not isinstance(key, str):
        return
    for text in map(str, (*_listed(value.get("values")), *_listed(value.get("notValues")))):
        if match := _HEADER.fullmatch(key):
            yield Term("header", match[1], unstarred(text))
        elif match := _CLAIM.fullmatch(key):
            yield Term("claim", match[1], unstarred(text))
        elif key == "request.auth.principal":
            yield from _principal(text)
        elif key == "request.auth.audiences":
            yield Term("claim", "aud", unstarred(text))
        elif key in ("source.ip", "remote.ip") and is_network(text):
            yield Term("network", "", text)
        elif key == "connection.sni":
            yield Term("host", "", unstarred(text))


def _pairs(value: dict[Any, Any], path: tuple[str, ...]) -> Iterator[Term]:
    """What a name and its value say, or a service and its method, and where a token is looked for."""
    where = "".join(path).lower()
    name, text = value.get("name"), value.get("value")
    if isinstance(name, str) and isinstance(text, str):
        part = (
            "query"
            if "query" in where
            else "header"
            if any(word in where for word in ("header", "set", "add"))
            else ""
        )
        if part:
            yield Term(part, name, text, value.get("type") == "RegularExpression")
    service, method = value.get("service") or "any.Service", value.get("method") or "Any"
    if isinstance(service, str) and isinstance(method, str) and {"service", "method"} & value.keys():
        yield Term("path", "", f"/{service}/{method}")
    for header in _listed(value.get("fromHeaders")):
        if isinstance(header, dict):
            yield Term("token header", str(header.get("name")), str(header.get("prefix", "")))
    for output in _listed(value.get("outputClaimToHeaders")):
        if isinstance(output, dict):
            yield Term("claim", str(output.get("claim")), "true")
    for parameter in _listed(value.get("fromParams")):
        yield Term("token query", str(parameter), "")
    for cookie in _listed(value.get("fromCookies")):
        yield Term("token cookie", str(cookie), "")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def unstarred(text: str) -> str:
    """Returns a text that a pattern with asterisks takes."""
    return text.replace("{**}", "a/b").replace("{*}", "a").replace("*", "any")

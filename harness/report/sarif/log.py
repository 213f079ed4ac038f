"""A log in SARIF 2.1.0: code scanning shows its results beside the lines of a change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from harness import __version__
from harness.base.places import Position

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
NOWHERE = Position()


class Level(StrEnum):
    """How much a result matters."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Rule:
    """What results are of: an id that stays from release to release, and a page about it in Markdown."""

    id: str
    level: Level
    title: str
    page: str = ""


@dataclass(frozen=True)
class Result:
    """One thing that was found.

    `name` is the object and field that it is about, `where` its place, as far as that is known. `identity`
    stays when lines move: code scanning knows a result by it. `related` are further places with their words.
    """

    rule: Rule
    level: Level
    text: str
    identity: str
    name: str = ""
    where: Position = NOWHERE
    related: tuple[tuple[Position, str], ...] = ()
    suppressed: bool = False

    def weighed(self, level: Level) -> Result:
        """Returns the same with another level."""
        return replace(self, level=level)


def log(command: str, results: Iterable[Result], notes: Iterable[str] = ()) -> dict[str, Any]:
    """Returns a log of one run of a command: rules that found something, results, and what wasn't done.

    Files are named from the working directory, which should be the repository's root.
    """
    results = list(results)
    rules = list(dict.fromkeys(result.rule for result in results))
    driver = {"name": f"harness {command}", "version": __version__, "rules": list(map(_rule, rules))}
    told = [{"level": "warning", "message": _message(note)} for note in notes]
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True, "toolExecutionNotifications": told}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(result, rules.index(result.rule)) for result in results],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    help_ = {"help": {"text": rule.page, "markdown": rule.page}} if rule.page else {}
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.title},
        **help_,
        "defaultConfiguration": {"level": rule.level.value},
    }


def _result(result: Result, index: int) -> dict[str, Any]:
    location: dict[str, Any] = {}
    if result.name:
        location["logicalLocations"] = [{"fullyQualifiedName": result.name}]
    if result.where.line:
        location["physicalLocation"] = _place(result.where)
    described: dict[str, Any] = {
        "ruleId": result.rule.id,
        "ruleIndex": index,
        "level": result.level.value,
        "message": _message(result.text),
        "locations": [location] if location else [],
        "partialFingerprints": {"result/v1": _digest(f"{result.rule.id} {result.identity}")},
        "suppressions": [{"kind": "external"}] if result.suppressed else [],
    }
    if result.related:
        described["relatedLocations"] = [
            {"physicalLocation": _place(where), "message": _message(words)} for where, words in result.related
        ]
    return described


def _message(text: str) -> dict[str, str]:
    """A text in which nothing is a link, whatever stands in an estate [SARIF 2.1.0: 3.11.6]."""
    return {"text": text.replace("](", "] (")}


def _place(where: Position) -> dict[str, Any]:
    path, root = Path(where.source), Path.cwd()
    if path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    region = {"startLine": where.line, "startColumn": where.column}
    return {"artifactLocation": {"uri": uri}, "region": region}


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()

"""A suggestion as the text of a scenario file, and the manifests beside it."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from harness.analysis.texts import free
from harness.analysis.translate.writer import Dumper, dumped
from harness.base.display import line as as_line
from harness.base.errors import InputError
from harness.manifests.documents import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.base.resources import Resource
    from harness.suggest.stages import Written
    from harness.suggest.suggestion import Item, Suggestion

WIDTH = 110
SCHEMA = "scenario.schema.json"
"""The file beside scenarios by which editors check them; the same for all of a folder."""
HEADER = "# Written by harness suggest"
MADE = f"{HEADER}, with the scenario that names it. Edit it as you like.\n"


def scenario(
    head: Mapping[str, Any],
    stages: Sequence[Written],
    suggestion: Suggestion,
    notes: Iterable[str],
    uncovered: Iterable[str],
) -> str:
    """Returns the file's text: `head` is all before the expectations, `notes` what its user should know.

    What isn't covered stands at the end.
    """
    # A line that editors read [redhat-developer/yaml-language-server: modeline].
    lines = [f"# yaml-language-server: $schema={SCHEMA}"]
    lines += [f"{HEADER}: every expectation is what the model predicts of the configuration as it is."]
    for note in notes:
        lines += _comment(note, "")
    lines.append("")
    for key, value in head.items():
        lines += _member(key, value, "")
    if suggestion.always:
        lines += ["", "always:"]
        lines += _items(suggestion.always, {}, set(), "")
    lines += ["", "stages:"]
    anchors, anchored = _anchors(suggestion.stages), set[str]()
    for stage, items in zip(stages, suggestion.stages, strict=True):
        first, *members = (line for key, value in stage.items() for line in _member(key, value, "  "))
        lines += [f"- {first.strip()}", *members]
        if items:
            lines += ["  expect:", *_items(items, anchors, anchored, "  ")]
        lines.append("")
    if listed := [line for text in uncovered for line in _comment(f"- {text}", "")]:
        lines += ["# Not covered:", *listed, ""]
    return "\n".join(lines)


def manifests(objects: Iterable[Resource]) -> str:
    """Returns objects as YAML documents."""
    return MADE + "".join(f"---\n{dumped(resource.data, WIDTH)}" for resource in objects)


def _anchors(stages: Iterable[Sequence[Item]]) -> dict[str, str]:
    """The anchors of the expectations that stand in several stages, by their names."""
    every = [item for items in stages for item in items]
    names = [item.entry.name for item in every]
    anchors: dict[str, str] = {}
    for name, subject in dict.fromkeys((item.entry.name, item.subject) for item in every):
        if names.count(name) == 1 or name in anchors:
            continue
        words = re.sub("[^a-z0-9]+", "-", subject.lower()).strip("-")
        anchors[name] = free(words, anchors.values())
    return anchors


def _items(items: Iterable[Item], anchors: Mapping[str, str], seen: set[str], indent: str) -> Iterator[str]:
    for item in items:
        anchor = anchors.get(item.entry.name, "")
        if anchor in seen:
            yield f"{indent}- *{anchor}"
            continue
        if anchor:
            seen.add(anchor)
        yield from _entry(item, anchor, indent)


def _entry(item: Item, anchor: str, indent: str) -> Iterator[str]:
    for resource, field in dict.fromkeys((origin.resource, origin.field) for origin in item.origins):
        where = str(resource.place(field))
        yield from _comment(f"{resource} {field}{f', {where}' if where else ''}", indent)
    if item.was is not None:
        yield from _comment(f"changes: before, {item.was.name}", indent)
        for finding in item.why:
            yield from _comment(f"{finding.severity} [{finding.topic}]: {finding.why}", indent)
    anchored = f"&{anchor}\n{indent}  " if anchor else ""
    yield f"{indent}- {anchored}name: {_line(item.entry.name)}"
    yield from _member(item.entry.kind, item.entry.fields, f"{indent}  ")


def _member(key: str, value: Any, indent: str) -> list[str]:
    """A mapping's member: in one line if that fits, else its own members in a line each."""
    line = f"{indent}{key}: {_line(value)}"
    if len(line) <= WIDTH or not isinstance(value, (dict, list)):
        return [line]
    if isinstance(value, dict):
        inner = (line for part in value.items() for line in _member(*part, indent + "  "))
        return [f"{indent}{key}:", *inner]
    return [f"{indent}{key}:", *(line for item in value for line in _listed(item, indent))]


def _listed(value: Any, indent: str) -> list[str]:
    """A list's item: in one line if that fits, else a mapping's members in a line each."""
    line = f"{indent}- {flow(value)}"
    if len(line) <= WIDTH or not isinstance(value, dict):
        return [line]
    first, *others = (line for part in value.items() for line in _member(*part, indent + "  "))
    return [f"{indent}- {first.strip()}", *others]


def flow(value: Any) -> str:
    """A value in one line; plain wherever YAML reads it as it is meant, as a person would write it."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{flow(key)}: {flow(part)}' for key, part in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, str) and _reads(f"{{{value}: [{value}]}}", {value: [value]}):
        return value
    # In a list, what is quoted is quoted for the inside of a collection.
    text: str = yaml.dump([value], Dumper=Dumper, default_flow_style=True, width=10**6, allow_unicode=True)
    return text.strip()[1:-1]


def _line(value: Any) -> str:
    """A value that ends its line."""
    return value if isinstance(value, str) and _reads(f"- {value}", [value]) else flow(value)


def _reads(text: str, meant: Any) -> bool:
    try:
        return bool(next(parse(text, "")).data == meant)
    except InputError:
        return False


def _comment(text: str, indent: str) -> list[str]:
    first, later = f"{indent}# ", f"{indent}#   "
    wrapper = textwrap.TextWrapper(WIDTH, first, later, break_long_words=False, break_on_hyphens=False)
    return wrapper.wrap(as_line(text))

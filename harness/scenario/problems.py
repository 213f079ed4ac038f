"""What is wrong with a scenario file, gathered so that one error tells all of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from harness.api.kubernetes.workload import workloads
from harness.base import InputError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from pydantic import BaseModel, ValidationError

    from harness.base import Resource
    from harness.expectations import Reference
    from harness.manifests.spans import Document, KeyPath

NOUNS = {
    "string_type": "text", "list_type": "a list", "dict_type": "a mapping", "int_type": "a number",
    "float_type": "a number", "bool_type": "true or false", "model_type": "a mapping",
}  # fmt: skip


class ScenarioError(InputError):
    """All problems of a scenario file at once."""

    def __init__(self, errors: tuple[InputError, ...]) -> None:
        first, *others = errors
        super().__init__("\n".join((first.what, *map(str, others))), where=first.where)
        self._errors = errors

    @property
    def each(self) -> tuple[InputError, ...]:
        return self._errors


@dataclass(eq=False)
class Problems:
    """The problems of one file; `path`s are places in its YAML."""

    document: Document
    name: str
    entries: list[tuple[int, int, str]] = field(default_factory=list)

    def where(self, path: KeyPath) -> str:
        """Returns file:line:column of a place."""
        mark = self.document.mark(path)
        return f"{self.name}:{mark.line}:{mark.column}"

    def add(self, path: KeyPath, what: str) -> None:
        """Notes a problem at a place."""
        mark = self.document.mark(path)
        self.entries.append((mark.line, mark.column, what))

    def unknown(self, path: KeyPath, what: str, word: str, valid: Iterable[str]) -> None:
        """Notes a word that isn't one of the valid ones."""
        self.add(path, f"unknown {what} {word!r}; {did_you_mean(word, valid)}")

    def require(self, path: KeyPath, what: str, word: str, valid: Collection[str]) -> bool:
        """Returns whether a word is one of the valid ones; notes it if it isn't."""
        if word not in valid:
            self.unknown(path, what, word, valid)
        return word in valid

    def add_validation(self, error: ValidationError, prefix: KeyPath, model: type[BaseModel]) -> None:
        """Notes what pydantic found below `prefix`."""
        details: dict[KeyPath, Any] = {}
        for detail in error.errors(include_url=False):
            path = self._place((*prefix, *detail["loc"]), missing=detail["type"] == "missing")
            details.setdefault(path, detail)  # one for all branches of a union
        for path in list(details):
            inside = any(len(other) > len(path) and other[: len(path)] == path for other in details)
            if inside and details[path]["type"] in ("literal_error", "model_type", "string_type"):
                del details[path]  # the branch of a union that wasn't meant
        unknown = [path for path, detail in details.items() if detail["type"] == "extra_forbidden"]
        for path, detail in details.items():
            if detail["type"] != "missing" or not self._misspelt(path, unknown):
                self._add_detail(path, dict(detail), prefix, model)

    def raise_if_any(self) -> None:
        """Raises InputError with all problems, in the order of their lines."""
        if not self.entries:
            return
        found = sorted(set(self.entries))
        raise ScenarioError(
            tuple(InputError(what, where=f"{self.name}:{line}:{column}") for line, column, what in found)
        )

    def _place(self, loc: KeyPath, *, missing: bool) -> KeyPath:
        """pydantic's path without the parts that name a union's branch instead of a key."""
        path: KeyPath = ()
        for part in loc[:-1] if missing else loc:
            if self.document.has((*path, part)):
                path = (*path, part)
        return (*path, loc[-1]) if missing else path

    @staticmethod
    def _misspelt(missing: KeyPath, unknown: list[KeyPath]) -> bool:
        """Whether an unknown key beside a missing one is that key misspelt: one problem, one error."""
        beside = [str(path[-1]) for path in unknown if path[:-1] == missing[:-1]]
        return bool(get_close_matches(str(missing[-1]), beside, n=1, cutoff=0.6))

    def _add_detail(
        self, path: KeyPath, detail: dict[str, Any], prefix: KeyPath, model: type[BaseModel]
    ) -> None:
        kind, key = detail["type"], str(path[-1]) if path else ""
        if kind == "extra_forbidden":
            self.unknown(path, "key", key, self._keys(path[:-1], prefix, model))
        elif kind == "missing":
            self.add(path[:-1], f"{key!r} is missing")
        elif kind == "value_error":
            self.add(path, str(detail["ctx"]["error"]))
        elif kind in NOUNS:
            self.add(path, f"{self._named(path)}must be {NOUNS[kind]}, not {_shown(detail['input'])}")
        elif kind in ("literal_error", "enum"):
            valid = str(detail["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            self.unknown(path, "value", str(detail["input"]), valid)
        else:
            self.add(path, f"{self._named(path)}{detail['msg'][0].lower()}{detail['msg'][1:]}")

    @staticmethod
    def _named(path: KeyPath) -> str:
        named = next((part for part in reversed(path) if isinstance(part, str)), None)
        return f"{named!r}: " if named else ""

    @staticmethod
    def _keys(path: KeyPath, prefix: KeyPath, model: type[BaseModel]) -> Iterator[str]:
        """The keys of the model at `path`, which lies below the one that was validated at `prefix`."""
        chosen = [model]
        for part in path[len(prefix) :]:
            below = [
                inner
                for model in chosen
                for name, info in model.model_fields.items()
                if part == (info.alias or name)
                for inner in _models(info.annotation)
            ]
            chosen = below or chosen
        for last in chosen:
            for name, info in last.model_fields.items():
                yield info.alias or name


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models in a field's type: in a list, a mapping or a union of them, too."""
    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models(argument)


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value)


def check_reference(
    problems: Problems,
    reference: Reference,
    path: KeyPath,
    configs: Mapping[str, tuple[Resource, ...]],
    translated: Collection[str],
    apps: Iterable[Resource],
) -> None:
    """Notes a config (of those `translated`, if it must be), an object or a workload that isn't there."""
    if reference.config is not None:
        noun, known = ("translated config", translated) if reference.translated else ("config", configs)
        problems.require(path, noun, reference.config, known)
    if reference.object_of is not None and reference.object_of[0] in configs:
        config, name = reference.object_of
        problems.require(path, f"object of config {config}", name, set(map(str, configs[config])))
    if (workload := reference.workload) is None:
        return
    there = workloads(apps)
    if workload.namespace:
        problems.require(path, "workload", str(workload), set(map(str, there)))
        return
    same = [other for other in there if other.name == workload.name]
    if problems.require(path, "workload", workload.name, {other.name for other in there}) and len(same) > 1:
        problems.add(path, f"several workloads have this name: {', '.join(map(str, same))}")

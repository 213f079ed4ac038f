"""An object that the API server or a webhook won't take."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from harness.base.errors import HarnessError

if TYPE_CHECKING:
    from harness.api.node import Node
    from harness.base.resources import Resource


class Fault(str):
    """What a webhook finds wrong, in its words; `path` is that of the field that it is about."""

    __slots__ = ("path",)
    path: str

    def __new__(cls, words: str, path: str) -> Self:
        fault = super().__new__(cls, words)
        fault.path = path
        return fault


def about(path: str, faults: Iterable[str]) -> Iterator[Fault]:
    """Yields the faults of a part of an object: those that tell no nearer field are about that part."""
    for fault in faults:
        yield fault if isinstance(fault, Fault) else Fault(fault, path)


OBJECT = 'Invalid value: "object": '
"""How the API server begins to say what is wrong with a mapping."""

Check: TypeAlias = Callable[[Any], str]
"""What is wrong with a value, in words; empty for nothing."""

Rule: TypeAlias = "Callable[[Any], Iterable[str]]"
"""Yields what is wrong with a node."""

Rules: TypeAlias = "Mapping[type[Node], tuple[Rule, ...]]"
"""What is asked of nodes, by their class."""


def faults(node: Node, rules: Rules) -> Iterator[Fault]:
    """Yields what rules find wrong with a node, and then with those inside of it."""
    for kind in type(node).__mro__:
        for rule in rules.get(kind, ()):
            yield from about(node.path, rule(node))
    for child in node.children():
        yield from faults(child, rules)


def each(check: Check, *keys: str) -> Rule:
    """Returns the rule that fields, or the entries of their lists, pass a check; absent ones do."""

    def rule(node: Node) -> Iterator[str]:
        for key in keys:
            value = node.data.get(key)
            entries = enumerate(value) if isinstance(value, list) else ((None, value),)
            for index, entry in entries:
                if entry is not None and (words := check(entry)):
                    yield Fault(words, node.at(key) if index is None else node.entry(key, index))

    return rule


def within(low: float, high: float, *keys: str) -> Rule:
    """Returns the rule that numbers are between two bounds, both included [OpenAPI: minimum, maximum]."""

    def rule(node: Node) -> Iterator[str]:
        for key in keys:
            value, path = node.data.get(key), node.at(key)
            if value is not None and not low <= value <= high:
                than, bound = ("greater", low) if value < low else ("less", high)
                words = f"{path} in body should be {than} than or equal to {bound}"
                yield Fault(f"Invalid value: {value}: {words}", path)

    return rule


def no_longer(limit: int, *keys: str) -> Rule:
    """Returns the rule that texts have no more than so many bytes [OpenAPI: maxLength]."""

    def rule(node: Node) -> Iterator[str]:
        for key in keys:
            if len(str(node.data.get(key) or "").encode()) > limit:
                yield Fault(f"Too long: may not be more than {limit} bytes", node.at(key))

    return rule


def at_most(limit: int, *keys: str) -> Rule:
    """Returns the rule that lists have no more than so many entries [OpenAPI: maxItems]."""

    def rule(node: Node) -> Iterator[str]:
        for key in keys:
            if (size := len(node.data.get(key) or ())) > limit:
                yield Fault(f"Too many: {size}: must have at most {limit} items", node.at(key))

    return rule


def exclusive(*keys: str) -> Rule:
    """Returns the rule that of some fields one at most is there [OpenAPI: oneOf]."""

    def rule(node: Node) -> Iterator[str]:
        present = [key for key in keys if node.has(key)]
        if len(present) > 1:
            words = f'"{node.path}" must validate one and only one schema (oneOf)'
            yield f"{OBJECT}{words}. Found {len(present)} valid alternatives"

    return rule


def meant(kind: str, kinds: Collection[str]) -> str:
    """Returns the kind of an API group that a mistyped one stands for; empty if none does, or it is one."""
    near = [] if kind in kinds else get_close_matches(kind, kinds, n=1, cutoff=0.8)
    return next(iter(near), "")


class Refused(HarnessError):  # noqa: N818
    """The API server's or a webhook's refusal, in its own words (`what`)."""

    @classmethod
    def invalid(cls, resource: Resource, field: str, words: str) -> Refused:
        """Returns the refusal of a field that validation by the API server gives."""
        what = f'The {resource.kind} "{resource.name}" is invalid: {field}: {words}'
        return cls(what, where=resource.place(field))

    @classmethod
    def by_webhook(cls, resource: Resource, webhook: str, words: str, field: str) -> Refused:
        """Returns the refusal that an admission webhook gives; `field` is the first that it is about."""
        return cls(
            f'admission webhook "{webhook}" denied the request: {words}',
            where=resource.place(field),
            why=f"{resource} breaks a rule of the webhook's",
        )

    @classmethod
    def unknown_version(cls, resource: Resource, served: Iterable[str]) -> Refused:
        """Returns the refusal of a version that Kubernetes doesn't serve; `served` are those that it does."""
        versions = [f"{resource.group}/{version}".removeprefix("/") for version in served]
        return cls(
            f'no matches for kind "{resource.kind}" in version "{resource.api_version}"',
            where=resource.place("apiVersion"),
            why=f"Kubernetes serves {resource.kind} as {' and '.join(versions)}",
            todo=f"write apiVersion: {versions[0]}",
        )

    @classmethod
    def unknown_kind(cls, resource: Resource, kinds: Collection[str] = ()) -> Refused:
        """Returns the refusal of a kind that isn't installed; `kinds` are those that its API group has."""
        near = meant(resource.kind, kinds)
        hint = f" (did you mean {near}?)" if near else ""
        return cls(
            f'no matches for kind "{resource.kind}" in version "{resource.api_version}"{hint}',
            where=resource.place("kind" if near else "apiVersion"),
            why=f"the definition (CRD) that {resource} needs isn't installed",
            todo="correct the kind" if near else "install the mesh that brings it first",
        )

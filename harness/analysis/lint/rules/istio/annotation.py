"""Traps in Istio's annotations: unknown ones, those of other kinds, and values of a wrong form."""

from __future__ import annotations

import re
from functools import cache
from ipaddress import ip_network
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.lint.rule import Sign, rule, seen
from harness.analysis.texts import beside
from harness.api.kubernetes.metadata import annotations_of
from harness.api.kubernetes.workload import template_of
from harness.base.errors import did_you_mean
from harness.base.vocabulary import PLATFORM
from harness.model.state.tables import per_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.base.resources import Resource
    from harness.model import State

_INGRESS = "kubernetes.io/ingress.class"


class Annotation(NamedTuple):
    """An annotation of Istio's on an object, or on the pods that it makes."""

    resource: Resource
    field: str
    kind: str
    name: str
    value: str


@rule
def annotation_unknown(state: State) -> Iterator[Sign]:
    for each in _annotations(state):
        if each.name not in _known():
            close = (
                did_you_mean(each.name, _known()).partition("?")[0] if _is_near(each.name) else "remove it"
            )
            yield seen(each.resource, each.field, name=each.name, todo=close)


def _is_near(name: str) -> bool:
    return did_you_mean(name, _known()).startswith("did you mean")


@rule
def annotation_misplaced(state: State) -> Iterator[Sign]:
    for each in _annotations(state):
        kinds = _known().get(each.name, (each.kind,))
        if each.kind not in kinds:
            yield seen(each.resource, each.field, name=each.name, kind=each.kind, kinds=", ".join(kinds))


@rule
def annotation_value(state: State) -> Iterator[Sign]:
    for each in _annotations(state):
        form = _forms().get(each.name)
        if form and each.kind in _known()[each.name] and not _fits(each.value.strip(), form):
            yield seen(each.resource, each.field, name=each.name, value=each.value, form=_WORDS[form])


@rule
def annotation_deprecated(state: State) -> Iterator[Sign]:
    deprecated: Mapping[str, str] = beside(__file__, "annotations.yaml")["deprecated"]
    for each in _annotations(state):
        labels = template_of(each.resource).metadata.labels if each.kind == "Pod" else {}
        if each.name in deprecated and each.name not in labels:
            yield seen(each.resource, each.field, name=each.name, instead=deprecated[each.name])


_WORDS = {
    "number": "a whole number",
    "port": "a port's number",
    "ports": "numbers of ports, separated by commas",
    "ports or *": "numbers of ports, separated by commas, or *",
    "networks": "networks as 10.0.0.0/8, separated by commas",
    "networks or *": "networks as 10.0.0.0/8, separated by commas, or *",
    "truth": "true or false",
    "mode": "REDIRECT, TPROXY or NONE",
}


def _fits(value: str, form: str) -> bool:
    items = [item.strip() for item in value.split(",")] if value else []
    match form.partition(" ")[0]:
        case "number":
            return value.isdecimal()
        case "port":
            return _is_port(value)
        case "ports":
            return (value == "*" and form.endswith("*")) or all(map(_is_port, items))
        case "networks":
            return (value == "*" and form.endswith("*")) or all(map(_is_network, items))
        case "truth":
            return value in ("1", "t", "T", "true", "TRUE", "True", "0", "f", "F", "false", "FALSE", "False")
        case _:
            return value in ("REDIRECT", "TPROXY", "NONE")


def _is_port(text: str) -> bool:
    return text.isdecimal() and int(text) <= 65535


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


@cache
def _known() -> dict[str, tuple[str, ...]]:
    """The kinds that may have each annotation."""
    kinds: dict[str, tuple[str, ...]] = {}
    for kind, names in beside(__file__, "annotations.yaml")["kinds"].items():
        for name in names.split():
            kinds[name] = (*kinds.get(name, ()), kind)
    return kinds


@cache
def _forms() -> dict[str, str]:
    forms = beside(__file__, "annotations.yaml")["values"]
    return {name: form for form, names in forms.items() for name in names.split()}


@per_state
def _annotations(state: State) -> list[Annotation]:
    """Istio's annotations on namespaces, Services, workloads and their pods, without the platform's own."""
    ignored = beside(__file__, "annotations.yaml")["ignored"].split()
    return [
        Annotation(resource, f"{field}.{name}", kind, name, str(value))
        for resource, field, kind, annotations in _written(state)
        for name, value in annotations.items()
        if name not in ignored and (name == _INGRESS or re.match(r"([^/]+\.)?istio\.io/", name))
    ]


def _written(state: State) -> Iterator[tuple[Resource, str, str, Mapping[str, str]]]:
    for resource in (*state.all("", "Namespace"), *state.all("", "Service"), *state.workloads):
        if resource.home not in PLATFORM:
            yield resource, "metadata.annotations", resource.kind, annotations_of(resource)
    for resource in state.workloads:
        if resource.home not in PLATFORM and resource.kind != "Pod":
            metadata = template_of(resource).metadata
            yield resource, metadata.at("annotations"), "Pod", metadata.annotations

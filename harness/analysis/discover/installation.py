"""The values that an installation of Istio was given: Helm's, istioctl's, or those that a cluster keeps."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from harness.analysis.discover.facts import fact, is_whole
from harness.analysis.discover.mesh_facts import CHECK, Fact
from harness.api.kubernetes.config_map import ConfigMap
from harness.api.node import Spec
from harness.base.errors import InputError
from harness.base.places import Position
from harness.base.vocabulary import ROOT_NAMESPACE
from harness.manifests.documents import MAX_BYTES, parse, plain, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from harness.analysis.discover.verdict import Verdict
    from harness.base.resources import Resource
    from harness.manifests.documents import Document, KeyPath

_UNKNOWN = Fact(CHECK, "nothing is known of it", "see what it does, and whether you need it")
# The charts' own defaults, which `helm get values --all` shows beside what was given.
_DEFAULTS = "_internal_defaults_do_not_set"
_HEADING = re.compile(r"\A(USER-SUPPLIED|COMPUTED) VALUES:$", re.MULTILINE)
# Istiod's own values have two names: those of its chart alone, and those under `pilot`.
_PILOT = "pilot."
_SHOWN = 60
"""Characters of a value that are shown."""

Flat = tuple[str, tuple[str | int, ...], Any]
"""A setting's name in Helm's charts, its path in the file, and its value."""


@dataclass(frozen=True)
class Setting:
    """A value that an installation was given: its name as it is written, and what becomes of it."""

    name: str
    value: str
    verdict: Verdict
    why: str
    todo: str
    where: Position


def of_file(path: Path) -> tuple[Setting, ...]:
    """Returns the settings of a Helm values file (as `helm get values` prints it), or an IstioOperator's.

    Raises InputError with file:line:column for what is neither.
    """
    found: list[Setting] = []
    text = _HEADING.sub("", read_text(path, MAX_BYTES))
    for document in parse(text, str(path)):
        data = document.data
        if data is None:
            continue
        if not isinstance(data, dict):
            raise InputError(
                "these aren't values: a mapping is needed",
                where=str(path),
                todo="give what `helm get values istiod -n istio-system -o yaml` prints",
            )
        if data.get("kind") == "IstioOperator":
            found += _settings(_operator(data.get("spec"), ("spec",)), document, str(path))
        elif "apiVersion" in data and "kind" in data:
            raise InputError(
                f"a {data['kind']} isn't a file of values", where=str(path), todo="name it as a manifest"
            )
        else:
            found += _settings(_flat(data, (), ""), document, str(path))
    return ordered(found)


def of_objects(resources: Iterable[Resource]) -> tuple[Setting, ...]:
    """Returns the settings that objects hold: ConfigMaps istio-system/istio…, IstioOperators, Sail's Istios.

    Raises InputError where a ConfigMap's MeshConfig isn't YAML.
    """
    found: list[Setting] = []
    for one in resources:
        if one.kind == "IstioOperator" and one.group == "install.istio.io":
            found += _located(_operator(Spec.of(one).data, ("spec",)), one)
        elif one.kind in ("Istio", "IstioCNI", "ZTunnel") and one.group == "sailoperator.io":
            spec = Spec.of(one).data
            known = {key: spec[key] for key in ("profile", "values") if key in spec}
            found += _located(_operator(known, ("spec",)), one)
        elif is_mesh_config(one):
            found += _mesh_config(one)
    return ordered(found)


def is_mesh_config(resource: Resource) -> bool:
    """Returns whether an object is a ConfigMap from which a revision of istiod reads its MeshConfig."""
    return (
        (resource.group, resource.kind, resource.namespace) == ("", "ConfigMap", ROOT_NAMESPACE)
        and (resource.name == "istio" or resource.name.startswith("istio-"))
        and "mesh" in ConfigMap.of(resource).texts
    )


def _mesh_config(resource: Resource) -> Iterator[Setting]:
    for key, name in (("mesh", "meshConfig"), ("meshNetworks", "global.meshNetworks")):
        try:
            said = plain(ConfigMap.of(resource).texts.get(key) or "{}")
        except yaml.YAMLError as error:
            raise InputError(
                f"{resource} data.{key} isn't YAML", where=resource.place(f"data.{key}")
            ) from error
        if not isinstance(said, dict):
            raise InputError(f"{resource} data.{key} isn't a mapping", where=resource.place(f"data.{key}"))
        for full, path, value in _flat(said, (), name):
            written = f"data.{key} {'.'.join(map(str, path))}".rstrip()
            yield _setting(full, written, value, resource.place(written).position)


def _operator(spec: Any, path: KeyPath) -> Iterator[Flat]:
    """The settings of an IstioOperator's spec: Helm's values stand under `values`."""
    fields = spec if isinstance(spec, dict) else {}
    for key in ("values", "unvalidatedValues"):
        values = fields.get(key)
        if isinstance(values, dict):
            yield from _flat(values, (*path, key), "")
    rest = {key: value for key, value in fields.items() if key not in ("values", "unvalidatedValues")}
    yield from _flat(rest, path, "")


def _flat(value: Any, path: KeyPath, name: str) -> Iterator[Flat]:
    """The settings in a value, as deep as anything is known of them; those that hold nothing are none."""
    value = _filled(value)
    if value is None or (_is_off(value) and is_whole(name.removeprefix(_PILOT))):
        return
    if name == "meshConfig.extensionProviders" and isinstance(value, list):
        for index, provider in enumerate(value):
            kinds = [key for key in provider if key != "name"] if isinstance(provider, dict) else []
            for kind in kinds:
                yield f"{name}[].{kind}", (*path, index, kind), provider.get("name", "")
    elif isinstance(value, dict) and not (name and is_whole(name.removeprefix(_PILOT))):
        for key, item in value.items():
            if key != _DEFAULTS:
                yield from _flat(item, (*path, key), f"{name}.{key}" if name else key)
    else:
        yield name, path, value


def _filled(value: Any) -> Any:
    """A value without what holds nothing, or is switched off in a list; None if nothing is left."""
    if isinstance(value, dict):
        value = {key: kept for key, item in value.items() if (kept := _filled(item)) is not None}
    elif isinstance(value, list):
        value = [item for item in value if not _is_off(item)]
    return None if value in ({}, [], "") else value


def _is_off(value: object) -> bool:
    return isinstance(value, dict) and value.get("enabled") is False


def _settings(flat: Iterable[Flat], document: Document, file: str) -> Iterator[Setting]:
    for name, path, value in flat:
        mark = document.mark(path)
        yield _setting(name, ".".join(map(str, path)), value, Position(file, mark.line, mark.column))


def _located(flat: Iterable[Flat], resource: Resource) -> Iterator[Setting]:
    for name, path, value in flat:
        written = ".".join(map(str, path))
        yield _setting(name, written, value, resource.place(written).position)


def _setting(name: str, written: str, value: Any, where: Position) -> Setting:
    known = fact(name.removeprefix(_PILOT), value) or _UNKNOWN
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return Setting(written, shown, known.verdict, known.why, known.todo, where)


def ordered(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """Returns settings, the worst first, then by name."""
    return tuple(sorted(settings, key=lambda one: (one.verdict.rank, one.name, one.where)))

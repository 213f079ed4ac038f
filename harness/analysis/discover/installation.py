"""The values that an installation of Istio was given: Helm's, istioctl's, or those that a cluster keeps."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.discover.facts import Fact, Verdict, fact, is_whole
from harness.api.istio.mesh_config import INSTALLATIONS, Installation, is_mesh_config
from harness.api.kubernetes.config_map import ConfigMap
from harness.base.errors import InputError
from harness.base.places import Position
from harness.manifests.documents import MAX_BYTES, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from harness.base.resources import Resource
    from harness.manifests.spans import KeyPath

_UNKNOWN = Fact(Verdict.CHECK, "nothing is known of it", "see what it does, and whether you need it")
# The charts' own defaults, which `helm get values --all` shows beside what was given.
_DEFAULTS = "_internal_defaults_do_not_set"
_HEADING = re.compile(r"\A(USER-SUPPLIED|COMPUTED) VALUES:$", re.MULTILINE)
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
    settings: list[Setting] = []
    file = str(path)
    for document in parse(_HEADING.sub("", read_text(path, MAX_BYTES)), file):
        data = document.data
        if data is None:
            continue
        if not isinstance(data, dict):
            todo = "give what `helm get values istiod -n istio-system -o yaml` prints"
            raise InputError("these aren't values: a mapping is needed", where=file, todo=todo)
        operator = data.get("kind") == "IstioOperator"
        if "apiVersion" in data and "kind" in data and not operator:
            what = f"a {data['kind']} isn't a file of values"
            raise InputError(what, where=file, todo="name it as a manifest")
        flat = _installed(Installation.live(data)) if operator else _flat(data, (), "")
        for name, keys, value in flat:
            mark = document.mark(keys)
            where = Position(file, mark.line, mark.column)
            settings.append(_setting(name, ".".join(map(str, keys)), value, where))
    return ordered(settings)


def of_objects(resources: Iterable[Resource]) -> tuple[Setting, ...]:
    """Returns the settings that objects hold: ConfigMaps istio-system/istio…, IstioOperators, Sail's Istios.

    Raises InputError where a ConfigMap's MeshConfig isn't YAML.
    """
    return ordered(
        _setting(name, written, value, resource.place(written).position)
        for resource in resources
        for name, written, value in _held(resource)
    )


def _held(resource: Resource) -> Iterator[tuple[str, str, Any]]:
    """The settings in an object: name, path as it is written, and value."""
    if (resource.group, resource.kind) in INSTALLATIONS:
        for name, path, value in _installed(Installation.of(resource)):
            yield name, ".".join(map(str, path)), value
    elif is_mesh_config(resource):
        reading = ConfigMap.of(resource)
        for key, outer in (("mesh", "meshConfig"), ("meshNetworks", "global.meshNetworks")):
            for name, path, value in _flat(reading.settings(key), (), outer):
                yield name, f"data.{key} {'.'.join(map(str, path))}".rstrip(), value


def _installed(installation: Installation) -> Iterator[Flat]:
    for key, name, value in installation.settings:
        yield from _flat(value, ("spec", key), name)


def _flat(value: Any, path: KeyPath, name: str) -> Iterator[Flat]:
    """The settings in a value, as deep as anything is known of them; those that hold nothing are none."""
    value = _filled(value)
    if value is None or (_is_off(value) and is_whole(name)):
        return
    if name == "meshConfig.extensionProviders" and isinstance(value, list):
        for index, provider in enumerate(value):
            kinds = [key for key in provider if key != "name"] if isinstance(provider, dict) else []
            for kind in kinds:
                yield f"{name}[].{kind}", (*path, index, kind), provider.get("name", "")
    elif isinstance(value, dict) and not (name and is_whole(name)):
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


def _setting(name: str, written: str, value: Any, where: Position) -> Setting:
    becomes = fact(name, value) or _UNKNOWN
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return Setting(written, shown, becomes.verdict, becomes.why, becomes.todo, where)


def ordered(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """Returns settings, the worst first, then by name."""
    return tuple(sorted(settings, key=lambda setting: (setting.verdict.rank, setting.name, setting.where)))

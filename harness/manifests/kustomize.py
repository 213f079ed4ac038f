"""What kubectl makes of a kustomization, and the files that it says that came from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from harness.base.errors import InputError, MissingError
from harness.base.places import Location, Position
from harness.manifests.documents import parse, plain
from harness.manifests.places import objects

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGGED = re.compile(r'[EF]\d{4} \S+ +\d+ \S+\] "command failed" err=<? *')
_ORIGIN = "config.kubernetes.io/origin"
"""The annotation in which kubectl names an object's origin, if it is asked to (`originAnnotations`)."""

SECONDS = 120
"""How long kubectl may take for a kustomization."""

Key = tuple[tuple[str, str], str, str]
"""An object's API version and kind, its namespace (empty if none is written) and name."""


class Origin(NamedTuple):
    """What an object was made from: a file, or (with a generator's kind) the kustomization that has that."""

    file: str
    generator: str = ""

    def position(self, data: Mapping[str, Any], path: str) -> Position | None:
        """Returns where a field of the object made stands here, None if nothing here is like that object.

        Kustomize may have put something before and after its name.
        """
        name = _name(data)
        if self.generator:
            field = self.generator[:1].lower() + self.generator[1:]
            alike = [
                (str(entry.get("name")), where.position(whole, f"{field}[{index}]"))
                for where, whole in objects(self.file)
                for index, entry in enumerate(whole.get(field) or ())
            ]
        else:
            alike = [
                (_name(whole), where.position(whole, path))
                for where, whole in objects(self.file)
                if whole.get("kind") == data.get("kind")
            ]
        return max(
            (pair for pair in alike if pair[0] in name), key=lambda pair: len(pair[0]), default=("", None)
        )[1]


@dataclass(frozen=True, slots=True)
class Built(Location):
    """An object that kubectl made of a kustomization in a folder; its file is asked for when it's printed."""

    def position(self, data: Mapping[str, Any], path: str) -> Position:
        """Returns where a field stands in the file that the object came from, or the nearest around it.

        The folder if kubectl doesn't tell the file.
        """
        origins = _origins(self.source, os.path.realpath(self.source))
        kind, namespace, name = _key(data)
        origin = origins.get((kind, namespace, name)) or origins.get((kind, "", name))
        if origin is None:
            return Position(self.source)
        try:
            return origin.position(data, path) or Position(origin.file)
        except (InputError, OSError):
            return Position(origin.file)


def build(folder: Path) -> str:
    """Returns the objects that kubectl makes of a kustomization, as YAML.

    Raises MissingError without kubectl, InputError with its words if it can't.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise MissingError(
            "a kustomization needs kubectl, which isn't on PATH",
            where=str(folder),
            todo="install kubectl, or write plain manifests (kubectl kustomize … > app.yaml)",
        )
    result = _kubectl(kubectl, str(folder))
    if result.returncode:
        raise InputError("kubectl kustomize can't build it", where=str(folder), why=_fault(result.stderr))
    return result.stdout


def _fault(words: str) -> str:
    """What kubectl says is wrong, without its warnings and the marks of its log, in one line."""
    lines = (line for line in words.splitlines() if not line.startswith("#"))
    return _LOGGED.sub("", " ".join(" ".join(lines).split()))


def _kubectl(kubectl: str, folder: str) -> subprocess.CompletedProcess[str]:
    """What kubectl says, of a folder that can't be an option."""
    try:
        return subprocess.run(
            [kubectl, "kustomize", "--", folder],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        what = f"kubectl kustomize hasn't ended after {SECONDS} s"
        raise InputError(
            what, where=folder, todo="see what it waits for: bases by URL are fetched"
        ) from error


@lru_cache(maxsize=1_024)
def _origins(folder: str, inside: str) -> Mapping[Key, Origin]:
    """The origin of each object of the kustomization in a folder, `inside` its real path.

    A kustomization around it asks kubectl for that: the user's own stays as it is. Resources must be named
    by a path from the kustomization that has them.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        return {}
    with TemporaryDirectory() as around:
        outer = os.path.realpath(around)
        wanted = {"resources": [os.path.relpath(inside, outer)], "buildMetadata": ["originAnnotations"]}
        Path(outer, "kustomization.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
        result = _kubectl(kubectl, outer)
        if result.returncode:
            return {}
        origins = {}
        for data in (document.data for document in parse(result.stdout, folder)):
            if not isinstance(data, dict):
                continue
            annotations = (data.get("metadata") or {}).get("annotations") or {}
            if written := plain(annotations.get(_ORIGIN) or ""):
                origins[_key(data)] = _origin(written, folder, inside, outer)
        return origins


def _origin(written: Mapping[str, Any], folder: str, inside: str, outer: str) -> Origin:
    """An origin with its file as the user would name it; of one that isn't here, its repository."""
    file = str(written.get("path") or written.get("configuredIn") or "")
    if written.get("repo"):
        return Origin(f"{written['repo']} {file}")
    relative = os.path.relpath(os.path.normpath(Path(outer, file)), inside)
    kind = str((written.get("configuredBy") or {}).get("kind") or "")
    return Origin(os.path.normpath(Path(folder, relative)), kind)


def _key(data: Mapping[str, Any]) -> Key:
    metadata = data.get("metadata") or {}
    namespace = str(metadata.get("namespace") or "")
    return (str(data.get("apiVersion")), str(data.get("kind"))), namespace, _name(data)


def _name(data: Mapping[str, Any]) -> str:
    return str((data.get("metadata") or {}).get("name"))

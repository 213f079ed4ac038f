"""What kubectl makes of a kustomization, and the files that it says that came from."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from harness.base.errors import InputError, MissingError
from harness.base.places import Location, Position
from harness.manifests.documents import plain
from harness.manifests.places import objects

if TYPE_CHECKING:
    from collections.abc import Mapping

_LOGGED = re.compile(r'[EF]\d{4} \S+ +\d+ \S+\] "command failed" err=<? *')
_ORIGIN = "config.kubernetes.io/origin"
"""The annotation in which kubectl names an object's origin, if it is asked to (`originAnnotations`)."""

SECONDS = 120
"""How long kubectl may take for a kustomization."""


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
    """An object that kubectl made of a folder's kustomization; `origin` is None if it doesn't say of what."""

    origin: Origin | None = None

    def position(self, data: Mapping[str, Any], path: str) -> Position:
        """Returns where a field stands in the file that the object came from, or the nearest around it."""
        if self.origin is None:
            return Position(self.source)
        try:
            return self.origin.position(data, path) or Position(self.origin.file)
        except (InputError, OSError):
            return Position(self.origin.file)


class Build(NamedTuple):
    """What kubectl made of the kustomization in a folder, as YAML.

    `around` is the folder of the kustomization around it that asked for origins, empty if there was none.
    """

    folder: str
    text: str
    around: str = ""

    def take_place(self, data: Any) -> Built:
        """Returns where an object came from; what kubectl wrote into it to say so is taken out."""
        metadata = data.get("metadata") if isinstance(data, dict) else None
        if not self.around or not isinstance(metadata, dict):
            return Built(self.folder)
        annotations = metadata.get("annotations")
        if not isinstance(annotations, dict) or _ORIGIN not in annotations:
            return Built(self.folder)
        written = plain(annotations.pop(_ORIGIN))
        if not annotations:
            del metadata["annotations"]
        return Built(self.folder, self._origin(written))

    def _origin(self, written: Mapping[str, Any]) -> Origin:
        """An origin with its file as the user would name it; of one that isn't here, its repository."""
        file = str(written.get("path") or written.get("configuredIn") or "")
        if written.get("repo"):
            return Origin(f"{written['repo']} {file}")
        relative = os.path.relpath(os.path.normpath(Path(self.around, file)), os.path.realpath(self.folder))
        kind = str((written.get("configuredBy") or {}).get("kind") or "")
        return Origin(os.path.normpath(Path(self.folder, relative)), kind)


def build(folder: Path) -> Build:
    """Returns the objects that kubectl makes of a kustomization, with their origins.

    A kustomization around it asks kubectl for those: the user's own stays as it is. Raises MissingError
    without kubectl, InputError with its words if it can't.
    """
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise MissingError(
            "a kustomization needs kubectl, which isn't on PATH",
            where=str(folder),
            todo="install kubectl, or write plain manifests (kubectl kustomize … > app.yaml)",
        )
    with TemporaryDirectory() as made:
        around = os.path.realpath(made)
        # Resources must be named by a path from the kustomization that has them.
        inside = os.path.relpath(os.path.realpath(folder), around)
        wanted = {"resources": [inside], "buildMetadata": ["originAnnotations"]}
        Path(around, "kustomization.yaml").write_text(yaml.safe_dump(wanted), encoding="utf-8")
        result = _kubectl(kubectl, around, folder)
    if not result.returncode:
        return Build(str(folder), result.stdout, around)
    result = _kubectl(kubectl, str(folder), folder)
    if result.returncode:
        raise InputError("kubectl kustomize can't build it", where=str(folder), why=_fault(result.stderr))
    return Build(str(folder), result.stdout)


def _fault(words: str) -> str:
    """What kubectl says is wrong, without its warnings and the marks of its log, in one line."""
    lines = (line for line in words.splitlines() if not line.startswith("#"))
    return _LOGGED.sub("", " ".join(" ".join(lines).split()))


def _kubectl(kubectl: str, built: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """What kubectl says of a kustomization that is built, which can't be an option, for the user's folder."""
    try:
        return subprocess.run(
            [kubectl, "kustomize", "--", built],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        what = f"kubectl kustomize hasn't ended after {SECONDS} s"
        todo = "see what it waits for: bases by URL are fetched"
        raise InputError(what, where=str(folder), todo=todo) from error


def _name(data: Mapping[str, Any]) -> str:
    return str((data.get("metadata") or {}).get("name"))

"""Where a suggestion's files lie, and how its scenario names them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.node import live
from harness.base.errors import InputError
from harness.base.files import write_text
from harness.base.scenario_files import FOLDER
from harness.base.vocabulary import Workload
from harness.scenario.schema import scenario_schema
from harness.suggest import writer
from harness.suggest.sources import STAYING, TRANSLATED, Role

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from harness.base.resources import Resource
    from harness.suggest.sources import Source, Sources

_MANIFESTS = "manifests"
_CLIENTS = "clients"
_IMAGE = "curlimages/curl:8.7.1"


@dataclass(frozen=True)
class Layout:
    """A scenario's file, the folder of the manifests that are written for it, and what it is made of."""

    file: Path
    folder: Path
    sources: Sources
    clients: tuple[Workload, ...]

    @classmethod
    def beside(cls, file: Path, sources: Sources, used: tuple[Workload, ...]) -> Layout:
        """Returns the layout of a file of the user's: its manifests lie beside it.

        Beside the folder `scenarios`, if it is in one: pytest takes every YAML in there for a scenario.
        """
        place = file.parent
        for parent in file.absolute().parents:
            if parent.name == FOLDER:
                place = Path(relpath(parent.parent))
        return cls(file, place / f"{file.stem}-{_MANIFESTS}", sources, used)

    @property
    def manifests(self) -> dict[Path, tuple[Resource, ...]]:
        """The manifests that have to be written: objects by file."""
        loose = (source for source in self.sources.every if source.path is None)
        files = {self._of(source): source.objects for source in loose}
        if self.sources.staying:
            files[self.folder / f"{STAYING}.yaml"] = self.sources.staying
        if self.clients:
            files[self.folder / f"{_CLIENTS}.yaml"] = manifests(self.clients)
        return files

    @property
    def head(self) -> dict[str, Any]:
        """The scenario's members before its expectations and stages."""
        apps = [self._named(source) for source in self.sources.of(Role.APPS)]
        if self.clients:
            apps.append(self._reference(self.folder / f"{_CLIENTS}.yaml"))
        own = self.sources.of(Role.ROUTES, Role.ISTIO)
        configs: dict[str, Any] = {source.name: self._reference(self._of(source)) for source in own}
        if self.sources.staying:
            configs[STAYING] = self._reference(self.folder / f"{STAYING}.yaml")
        if self.sources.of(Role.ISTIO):
            translated = [source.name for source in own]
            configs[TRANSLATED] = {"translate": translated[0] if len(translated) == 1 else translated}
        undecided = list(dict.fromkeys(str(each.resource) for each in self.sources.undecided))
        head = {"apps": apps, "configs": configs, "undecided": undecided}
        head["gateway_api"] = self.sources.gateway_api
        return {key: value for key, value in head.items() if value}

    def check_free(self) -> None:
        """Raises InputError if a file is there already that the user may have edited."""
        for file in (self.file, *self.manifests):
            if file.exists():
                todo = "write another file (-o), or use --force"
                raise InputError("would be replaced", where=str(file), todo=todo)

    def write(self, text: str) -> None:
        """Writes the scenario, its manifests, and the schema that its first line names."""
        schema = json.dumps(scenario_schema(), indent=2) + "\n"
        written = {file: writer.manifests(objects) for file, objects in self.manifests.items()}
        written |= {self.file.with_name(writer.SCHEMA): schema, self.file: text}
        for file, content in written.items():
            write_text(file, content)

    def _of(self, source: Source) -> Path:
        return source.path or self.folder / f"{source.name}.yaml"

    def _named(self, source: Source) -> str:
        """An app by its path, or by its name alone if it is one of the folder `manifests`."""
        name = self._reference(self._of(source))
        folder, _, app = name.rpartition("/")
        return app if folder == _MANIFESTS else name

    def _reference(self, path: Path) -> str:
        """A path as a scenario writes it: from its own folder, or the nearest above it that leads there."""
        wanted = path.resolve()
        for folder in self.file.absolute().parents:
            if wanted.is_relative_to(folder.resolve()) and folder.parent != folder:
                name = wanted.relative_to(folder.resolve()).as_posix()
                if self._leads(name) == wanted or not wanted.exists():
                    return name if "/" in name else f"./{name}"
                break
        return Path(relpath(wanted, self.file.absolute().parent)).as_posix()

    def _leads(self, name: str) -> Path | None:
        """Where a name leads to that a scenario writes, None if nowhere."""
        paths = (folder / name for folder in self.file.absolute().parents)
        return next((path.resolve() for path in paths if path.exists()), None)


def clients(taken: Container[str]) -> tuple[Workload, Workload]:
    """Returns clients that an estate lacks, in namespaces that aren't taken: one in the mesh, one outside."""
    inside, outside = (name if name not in taken else f"harness-{name}" for name in ("clients", "outside"))
    return Workload(inside, "curl"), Workload(outside, "curl")


def manifests(clients: Iterable[Workload]) -> tuple[Resource, ...]:
    """Returns the objects of clients."""
    return tuple(resource for client in clients for resource in _client(client))


def _client(client: Workload) -> tuple[Resource, ...]:
    """The objects of a client with a service account of its own."""
    metadata, labels = {"name": client.name, "namespace": client.namespace}, {"app": "curl"}
    container = {"name": "curl", "image": _IMAGE, "command": ["sleep", "infinity"]}
    pod = {"serviceAccountName": client.name, "terminationGracePeriodSeconds": 1, "containers": [container]}
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return (
        live({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}),
        live({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}),
    )

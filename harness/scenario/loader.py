"""A scenario file read, checked and resolved: every error with file:line:column."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from harness.api.kubernetes.workload import workloads
from harness.api.schema import foreign
from harness.api.schema.releases import Release
from harness.base import InputError, Installation, Installer, Mesh, Resource, did_you_mean
from harness.manifests.documents import parse, read_text
from harness.manifests.files import read
from harness.manifests.self_signed import completed
from harness.manifests.web_keys import read_keys
from harness.meshes.installers import INSTALLERS
from harness.scenario.entries import Entries
from harness.scenario.models import (
    Check,
    InstallationFile,
    OutsideFile,
    Scenario,
    ScenarioFile,
    Stage,
    StageFile,
    TransitionFile,
    TranslationFile,
)
from harness.scenario.problems import Problems
from harness.scenario.steps import STEPS
from harness.scenario.transition import steps_of
from harness.traffic.outside import AuthorizerAnswer, Outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from harness.analysis.translate import Translation
    from harness.manifests.spans import Document, KeyPath

MAX_BYTES = 1024 * 1024
MANIFESTS = "manifests"

Written = TypeVar("Written", bound=BaseModel)
Configs = dict[str, tuple[Resource, ...]]


def load_scenario(path: Path, made: Mapping[str, Translation] | None = None) -> Scenario:
    """Returns the scenario in this file; raises InputError with all that is wrong with it.

    `made` are translations by the names of their configs, where somebody has them already.
    """
    path = _short(path)
    text = read_text(path, MAX_BYTES)
    documents = list(parse(text, str(path)))
    if not documents or documents[0].data is None:
        raise InputError("the file is empty", where=str(path), todo="a scenario has name, apps and stages")
    if len(documents) > 1:
        line = documents[1].mark(()).line
        raise InputError("more than one YAML document", where=f"{path}:{line}:1", todo="a file a scenario")
    return _Loader(path, text, documents[0], made=made or {}).scenario()


def load_mapping(data: Mapping[str, Any], path: Path, name: str) -> Scenario:
    """Returns the scenario that a mapping holds as a file would; raises InputError like `load_scenario`.

    What it names is looked for from `path` on; errors tell lines of the mapping as YAML, under this name.
    """
    text = yaml.safe_dump(dict(data), sort_keys=False, allow_unicode=True)
    [document] = parse(text, name)
    return _Loader(_short(path), text, document, name).scenario()


class _Loader:
    """Loads one file."""

    def __init__(
        self,
        path: Path,
        text: str,
        document: Document,
        name: str = "",
        *,
        made: Mapping[str, Translation] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self.made = made
        self.lines = text.splitlines()
        self.data = document.data
        self.document = document
        self.problems = Problems(document, name or str(path))
        self.translated: frozenset[str] = frozenset()
        self.notes: list[str] = []

    def scenario(self) -> Scenario:
        if not isinstance(self.data, dict):
            self.problems.add((), "a scenario is a mapping with name, apps and stages")
            self.problems.raise_if_any()
        file = self._validated(ScenarioFile, self.data, ())
        self.problems.raise_if_any()
        assert file is not None
        apps = tuple(resource for i, app in enumerate(file.apps) for resource in self._app(app, ("apps", i)))
        configs = {
            name: self._manifests(to, ("configs", name))
            for name, to in file.configs.items()
            if isinstance(to, str)
        }
        sources = {
            name: self._sources(to, configs, ("configs", name))
            for name, to in file.configs.items()
            if isinstance(to, TranslationFile)
        }
        self.problems.raise_if_any()
        self.translated = frozenset(sources)
        translations = {
            name: self.made.get(name) or self._translated(file, apps, configs, of)
            for name, of in sources.items()
        }
        configs |= {name: made.objects for name, made in translations.items()}
        self._check_stages(file, apps)
        objects = [*apps, *(resource for config in configs.values() for resource in config)]
        undecided = {str(resource) for resource in objects if foreign.reason(resource)}
        for index, name in enumerate(file.undecided):
            self.problems.require(("undecided", index), "object that isn't decided", name, undecided)
        if line := foreign.counted({resource.key: resource for resource in objects}.values()):
            self.notes.append(line)
        names = [stage.name for stage in file.stages]
        entries = Entries(self.document, self.lines, self.problems, names, apps, configs, self.translated)
        stages = tuple(self._stage(file, index, entries) for index in range(len(file.stages)))
        self.problems.raise_if_any()
        if "# Not covered:" in self.lines:  # as `harness suggest` ends its files
            uncovered = sum(line.startswith("# - ") for line in self.lines)
            self.notes.append(f"not covered: {uncovered}, which the end of the file lists")
        accepted, notes = frozenset(file.undecided), tuple(self.notes)
        return Scenario(
            self.path,
            file.name,
            apps,
            configs,
            stages,
            translations,
            sources,
            accepted,
            notes,
            file.gateway_api,
            self._outside(file.outside),
            file.about.strip(),
        )

    def _outside(self, file: OutsideFile) -> Outside:
        keys = {}
        for uri, name in file.jwks.items():
            if there := self._path(name, ("outside", "jwks", uri)):
                keys[uri] = read_keys(there)
        self.problems.raise_if_any()
        answers = {
            name: AuthorizerAnswer(answer.status, tuple(answer.headers.items()), answer.body)
            for name, answer in file.authorizers.items()
        }
        return Outside(keys, answers)

    def _validated(self, model: type[Written], data: object, path: KeyPath) -> Written | None:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.problems.add_validation(error, path, model)
            return None

    # -- manifests

    def _app(self, name: str, path: KeyPath) -> tuple[Resource, ...]:
        if "/" in name:
            return self._manifests(name, path)
        known = {file.name for folder in self._manifest_folders() for file in folder.iterdir()}
        there = self.problems.require(path, "app", name, known)
        return self._manifests(f"{MANIFESTS}/{name}", path) if there else ()

    def _manifest_folders(self) -> Iterator[Path]:
        for folder in self.path.resolve().parents:
            if (folder / MANIFESTS).is_dir():
                yield folder / MANIFESTS

    def _manifests(self, name: str, path: KeyPath) -> tuple[Resource, ...]:
        """The objects at a path relative to the scenario's folder, or to one above it."""
        there = self._path(name, path)
        if there is None:
            return ()
        manifests = read([there])
        self.notes += manifests.notes
        for unread in manifests.unread:
            self.problems.add(path, f"{unread}; name what is to be applied alone")
        return tuple(map(completed, manifests.resources))

    def _path(self, name: str, path: KeyPath) -> Path | None:
        for folder in self.path.resolve().parents:
            if (folder / name).exists():
                return _short(folder / name)
        beside = [folder.parent / Path(name).parent for folder in self._manifest_folders()]
        known = [
            str(Path(name).parent / f.name) for folder in beside if folder.is_dir() for f in folder.iterdir()
        ]
        self.problems.add(path, f"there is no file or folder {name!r}; {did_you_mean(name, known)}")
        return None

    def _sources(self, written: TranslationFile, configs: Configs, path: KeyPath) -> tuple[str, ...]:
        for index, name in enumerate(written.sources):
            part = () if isinstance(written.translate, str) else (index,)
            self.problems.require((*path, "translate", *part), "config of manifests", name, configs)
        return written.sources

    @staticmethod
    def _translated(
        file: ScenarioFile, apps: tuple[Resource, ...], configs: Configs, sources: Iterable[str]
    ) -> Translation:
        from harness.analysis.translate import translate  # most scenarios translate nothing

        release = Release.parse(file.gateway_api).definitions("gateway_api") if file.gateway_api else ()
        return translate([*release, *apps, *(resource for name in sources for resource in configs[name])])

    # -- stages

    def _check_stages(self, file: ScenarioFile, apps: tuple[Resource, ...]) -> None:
        if file.during and len(file.stages) == 1:
            self.problems.add(("during",), "nothing is sent during the only stage's making: add a second one")
        seen: set[str] = set()
        for index, stage in enumerate(file.stages):
            at: KeyPath = ("stages", index)
            if stage.name in seen:
                self.problems.add((*at, "name"), f"two stages are called {stage.name!r}")
            seen.add(stage.name)
            self._check_transition(file, stage, apps, at)
            for number, part in enumerate(stage.steps):
                self._check_transition(file, part, apps, (*at, "steps", number))

    def _check_transition(
        self, file: ScenarioFile, written: TransitionFile, apps: tuple[Resource, ...], at: KeyPath
    ) -> None:
        known = {
            "apply": file.configs,
            "remove": file.configs,
            "translate": [name for name, to in file.configs.items() if isinstance(to, TranslationFile)],
        }
        for key, names in known.items():
            noun = "translated config" if key == "translate" else "config"
            for i, name in enumerate(getattr(written, key)):
                self.problems.require((*at, key, i), noun, name, names)
        for i, entry in enumerate(written.do):
            self._check_step(entry, (*at, "do", i))
        for where in written.mesh:
            self._check_place(where, apps, (*at, "mesh", where))
        for i, where in enumerate(written.restart):
            self._check_place(where, apps, (*at, "restart", i))

    def _check_step(self, entry: Mapping[str, Any], path: KeyPath) -> None:
        """Notes what is wrong with a step of another package: a mapping of its kind to its parts."""
        if len(entry) != 1:
            self.problems.add(path, f"one step an entry, here {' and '.join(entry) or 'none'}")
            return
        [(kind, written)] = entry.items()
        if self.problems.require((*path, kind), "step", kind, STEPS):
            try:
                STEPS[kind].model_validate(written)
            except ValidationError as error:
                self.problems.add_validation(error, (*path, kind), STEPS[kind])

    def _check_place(self, where: str, apps: tuple[Resource, ...], path: KeyPath) -> None:
        """Notes a namespace, or a workload `namespace/name`, that the apps don't have."""
        if "/" in where:
            self.problems.require(path, "workload", where, set(map(str, workloads(apps))))
        else:
            homes = {resource.home for resource in apps} - {""}
            self.problems.require(path, "namespace", where, homes)

    def _stage(self, file: ScenarioFile, index: int, entries: Entries) -> Stage:
        written: StageFile = file.stages[index]
        checks: dict[str, Check] = {}
        own = (("stages", index, "expect", i) for i in range(len(written.expect)))
        always = (("always", i) for i in range(len(file.always)))
        begins = index == 0 or written.anew
        during = (("during", i) for i in range(0 if begins else len(file.during)))
        for path in (*during, *always, *own):
            check = entries.check(path, written.name)
            if check is None:
                continue
            if check.name in checks:
                self.problems.add(
                    path, f"two expectations in stage {written.name!r} are called {check.name!r}: name one"
                )
            checks[check.name] = check
        wanted = {mesh: self._installation(file, mesh) for mesh in Mesh}
        parts = written.steps or [written]
        steps = [
            step
            for number, part in enumerate(parts)
            for step in steps_of(part, wanted, first=begins and number == 0)
        ]
        accepted, needs = tuple(written.accepted), tuple(written.needs)
        where = self.problems.where(("stages", index))
        return Stage(written.name, tuple(steps), tuple(checks.values()), accepted, needs, written.anew, where)

    def _installation(self, file: ScenarioFile, mesh: Mesh) -> Installation:
        written: InstallationFile = getattr(file.meshes, mesh.value)
        at: KeyPath = ("meshes", mesh.value)
        values = self._path(written.values, (*at, "values")) if written.values else None
        if written.manifests:
            source = self._path(written.manifests, (*at, "manifests"))
            return Installation(
                written.version, Installer.MANIFESTS, str(source or ""), gateway_api=file.gateway_api
            )
        if written.installer:
            self.problems.require((*at, "installer"), "installer", written.installer, INSTALLERS)
            return Installation(
                written.version, Installer.EXTENSION, written.installer, values, file.gateway_api
            )
        installer = Installer.HELM if written.charts else Installer.CLI
        return Installation(written.version, installer, written.charts, values, file.gateway_api)


def _short(path: Path) -> Path:
    """The path from the working directory, where it lies below it: shorter in messages."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path

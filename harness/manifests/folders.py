"""What stands in a folder: manifest files, and folders that one tool makes manifests of."""

from __future__ import annotations

from os.path import normpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.base.errors import InputError
from harness.manifests.documents import MAX_BYTES, parse, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

SUFFIXES = (".yaml", ".yml", ".json")

_KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_CHART = "Chart.yaml"


def kustomization(folder: Path) -> Path | None:
    """Returns the file that makes a folder a kustomization, None if it has none."""
    return next((folder / name for name in _KUSTOMIZATIONS if (folder / name).is_file()), None)


def is_chart(folder: Path) -> bool:
    """Returns whether a folder is a Helm chart: its manifests are templates."""
    return (folder / _CHART).is_file()


def parts(folder: Path, *, recursive: bool) -> tuple[Path, ...]:
    """Returns the manifest files of a folder, and its kustomizations and charts, by name as kubectl walks.

    With `recursive` those of all folders below, too, but of hidden ones and of links. A kustomization below
    stands for all that is in its folder, unless another one uses it, and for the files that it names: so
    nothing is read twice. What is no more than a component of others isn't one.
    """
    if not recursive:
        return tuple(path for path in sorted(folder.iterdir()) if path.suffix in SUFFIXES and path.is_file())
    walked = tuple(_walk(folder))
    uses = {path: _used(file) for path in walked if (file := kustomization(path) if path.is_dir() else None)}
    used = frozenset().union(*uses.values())
    return tuple(path for path in walked if _real(path) not in used and not _is_component(path))


def _walk(folder: Path, *, files: bool = True) -> Iterator[Path]:
    """Files, kustomizations and charts; below a kustomization further ones, but no files."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            if path.is_symlink():
                continue
            if is_chart(path):
                yield path
                continue
            built = kustomization(path) is not None
            if built:
                yield path
            yield from _walk(path, files=files and not built)
        elif files and path.suffix in SUFFIXES:
            yield path


def _used(file: Path) -> frozenset[Path]:
    """The files and folders that a kustomization names, whatever for."""
    folder = file.parent
    paths = (folder / text for text in _texts(_content(file)))
    return frozenset(_real(path) for path in paths if _exists(path)) - {_real(folder)}


def _is_component(path: Path) -> bool:
    file = kustomization(path) if path.is_dir() else None
    content = _content(file) if file else None
    return isinstance(content, dict) and content.get("kind") == "Component"


def _content(file: Path) -> Any:
    """What a kustomization says; nothing if it can't be read: kubectl tells why when it is built."""
    try:
        return next((document.data for document in parse(read_text(file, MAX_BYTES), str(file))), None)
    except InputError:
        return None


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value.rpartition("=")[2]  # a generator's file may have a key


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a patch's text isn't a path
        return False


def _real(path: Path) -> Path:
    return Path(normpath(path.absolute()))

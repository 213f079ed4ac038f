"""A translation as files: YAML by namespace, each object with a comment that says where it comes from."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

import yaml

from harness.base.display import line
from harness.base.errors import InputError
from harness.base.files import write_text
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from harness.analysis.translate.draft import Translated
    from harness.analysis.translate.finding import Finding
    from harness.analysis.translate.translation import Translation
    from harness.manifests.patching import Patch

_MARK = "# Translated from "
HEADER = _MARK + "{}'s configuration. What is edited here is lost when it is translated again.\n"
FINDINGS = "findings.txt"
_WIDTH = 100
Dumper: type[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


def files(translation: Translation) -> dict[str, str]:
    """Returns the text of each file by its name: a file for each namespace, patches, and the findings."""
    by_name = grouped((f"{m.resource.namespace or 'cluster'}.yaml", m) for m in translation.translated)
    header = HEADER.format(translation.source.value.capitalize())
    texts = {name: header + manifests(parts, translation.findings) for name, parts in sorted(by_name.items())}
    for patch in translation.patches:
        texts[_patch_file(patch)] = json.dumps(patch.operations, indent=2) + "\n"
    words = "\n".join(map(str, translation.findings)) or "Nothing was lost or changed."
    return texts | {FINDINGS: words + "\n"}


def manifests(objects: Iterable[Translated], findings: Iterable[Finding]) -> str:
    """Returns objects as YAML documents, with comments on origins and on what they do differently."""
    by_origin = grouped((finding.resource, finding) for finding in findings)
    return "".join("---\n" + _comments(made, by_origin) + dumped(made.resource.data) for made in objects)


def patch_command(patch: Patch) -> str:
    """Returns the command that applies a patch, once it is written."""
    namespace, kind, name = patch.target.namespace, patch.target.kind.lower(), patch.target.name
    return f"kubectl -n {namespace} patch {kind} {name} --type json --patch-file {_patch_file(patch)}"


def _patch_file(patch: Patch) -> str:
    target = patch.target
    return f"patches/{target.namespace}.{target.kind.lower()}.{target.name}.json"


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes files into a folder, and deletes what an earlier translation left there.

    Raises InputError, before anything is written, if a file of somebody else's would be replaced.
    """
    for name in texts:
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            raise InputError(f"{name!r} would be written outside of the folder", where=str(folder))
        if file.exists() and not _ours(file):
            what = "would be replaced, but isn't from a translation"
            raise InputError(what, where=str(file), todo="choose another folder")
    for file in folder.glob("*.yaml"):
        if file.name not in texts and _ours(file):
            file.unlink()
    for name, text in texts.items():
        write_text(folder / name, text)


def _ours(file: Path) -> bool:
    """Whether an earlier translation wrote a file: it says so, or stands beside one that does."""
    if file.suffix != ".yaml":
        folder = file.parent if file.name == FINDINGS else file.parent.parent
        return any(map(_ours, folder.glob("*.yaml")))
    if not file.is_file():
        return False
    with file.open("rb") as opened:
        return opened.read(len(_MARK)) == _MARK.encode()


def _comments(made: Translated, by_origin: Mapping[str, list[Finding]]) -> str:
    lines = []
    for origin in made.origins:
        where = f" ({origin.place()})" if origin.where else ""
        lines.append(line(f"# from {origin}{where}"))
        for finding in by_origin.get(str(origin), ()):
            text = line(f"{finding.severity} [{finding.topic}] {finding.subject}: {finding.why}")
            lines += textwrap.wrap(
                text, _WIDTH, initial_indent="#   ", subsequent_indent="#     ", break_long_words=False
            )
    return "".join(f"{line}\n" for line in lines)


def dumped(data: Mapping[str, Any], width: int = _WIDTH) -> str:
    """Returns an object as YAML, its fields in their order."""
    # Equal parts would come out as anchors and aliases.
    plain = json.loads(json.dumps(data))
    text: str = yaml.dump(plain, Dumper=Dumper, sort_keys=False, width=width, allow_unicode=True)
    return text

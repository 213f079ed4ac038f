"""Which stage a lasting cluster is at: kept on disk, so that another run can go on from there."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote

from harness.base.errors import InputError
from harness.cluster.ownership import ownership


@dataclass(frozen=True)
class Entry:
    """How far a scenario has come on a cluster.

    `stages` are the names and digests of the stages that it has reached, in order; `memory` is what the
    provider has to take away, `applied` and `translated` are the configurations that are in place and the
    objects of those that were translated there.
    """

    scenario: str
    stages: tuple[tuple[str, str], ...]
    memory: dict[str, Any] = field(default_factory=dict)
    applied: tuple[str, ...] = ()
    translated: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


class Journal:
    """The file about one cluster: readable by its owner alone, in a directory of the harness's own."""

    def __init__(self, cluster: str) -> None:
        self.file = ownership.home() / f"{quote(cluster, safe='')}.json"

    def read(self) -> Entry | None:
        """Returns what was written last, None if there is nothing; raises InputError if it can't be read."""
        try:
            data = json.loads(self.file.read_text(encoding="utf-8"))
            stages = tuple((str(name), str(digest)) for name, digest in data.pop("stages"))
            return Entry(stages=stages, applied=tuple(data.pop("applied")), **data)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                "what is known of the cluster can't be read",
                where=str(self.file),
                why=str(error),
                todo="delete the file, and what is left on the cluster",
            ) from error

    def write(self, entry: Entry) -> None:
        """Writes an entry in place of the one before, all of it or nothing."""
        written = self.file.with_suffix(".new")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            json.dump(asdict(entry), opened)
        written.replace(self.file)

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)

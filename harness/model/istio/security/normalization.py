"""Path normalization: what a proxy makes of a path before it routes, authorizes or passes it on.

MeshConfig's `pathNormalization` says how far it goes; the rules are those that Istio's own tests of it
state [istio/istio: pathNormalization, Envoy's normalize_path].
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from harness.model.istio import mesh_config
from harness.traffic.trace import Action, Step, built_in

if TYPE_CHECKING:
    from harness.model.message import Message
    from harness.model.state import State

_UNRESERVED = frozenset(ascii_letters + digits + "-._~")


def with_normal_path(state: State, message: Message) -> Message | Step:
    """Returns the message as a proxy reads it, or why it is a bad request (400)."""
    path = normalized(message.path, mesh_config.of(state).path_normalization.normalization)
    if path is None:
        return built_in(Action.FAILED, "the path {} can't be normalized: 400", message.path)
    return message if path == message.path else replace(message, path=path)


@lru_cache(maxsize=4096)
def normalized(path: str, mode: str = "BASE") -> str | None:
    """Returns the normalized path, None for one that can't be.

    NONE leaves it; BASE (also DEFAULT) decodes unreserved characters, turns backslashes round and resolves
    `.` and `..`; MERGE_SLASHES also makes one slash of several; DECODE_AND_MERGE_SLASHES decodes escaped
    slashes and backslashes before.
    """
    if mode == "NONE":
        return path
    if mode == "DECODE_AND_MERGE_SLASHES":
        path = re.sub("%2f|%5c", "/", path, flags=re.IGNORECASE)
    if "%00" in path:
        return None
    path = re.sub("%([0-9A-Fa-f]{2})", _unescaped, path).replace("\\", "/")
    path = _resolved(path)
    return re.sub("/+", "/", path) if mode in ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES") else path


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character in _UNRESERVED else escape[0]


def _resolved(path: str) -> str:
    """The path without segments `.` and `..` [RFC 3986, 5.2.4]; empty segments count as any other."""
    segments = path.split("/")[1:]
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments[-1:] and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)

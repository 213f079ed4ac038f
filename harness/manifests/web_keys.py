"""Files with the keys that tokens are verified by: JSON Web Key Sets [RFC 7517]."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from harness.base.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


def read_keys(path: Path) -> str:
    """Returns a file's key set as text; raises InputError for a file that can't be read, or that is none."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
    except OSError as error:
        raise InputError(f"{path}: can't be read", why=error.strerror or str(error)) from None
    except ValueError as error:
        raise InputError(f"{path}: isn't JSON", why=str(error), todo=_TODO) from None
    if not isinstance(content, dict) or not isinstance(content.get("keys"), list):
        raise InputError(f"{path}: isn't a JSON Web Key Set", why="it has no list `keys`", todo=_TODO)
    return text


_TODO = 'give what the jwksUri answers: {"keys": […]}'

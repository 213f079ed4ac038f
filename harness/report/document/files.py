"""Documents in files: as JSON, which is read again, and as what people read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from harness.base import InputError
from harness.base.files import write_text
from harness.report.document.markdown import markdown
from harness.report.document.models import VERSION, Document

if TYPE_CHECKING:
    from pathlib import Path

Form = Literal["json", "html", "markdown"]


def write(document: Document, path: Path, form: Form) -> None:
    """Writes a document to a file; raises InputError where that can't be done."""
    write_text(path, text(document, form))


def text(document: Document, form: Form) -> str:
    """Returns a document as text."""
    if form == "html":
        from harness.report.html import page  # templates take long to import

        return page(document)
    if form == "markdown":
        return markdown(document)
    return document.model_dump_json(indent=1) + "\n"


def read(path: Path) -> Document:
    """Returns the document in a JSON file; raises InputError if it isn't one, or not of this version."""
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(f"can't be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise InputError(f"it isn't JSON: {error}", where=str(path), todo=_TODO) from error
    version = data.get("version") if isinstance(data, dict) else None
    if version != VERSION:
        what = f"its version is {version!r}, and this release reads {VERSION}"
        raise InputError(what, where=str(path), todo=_TODO)
    try:
        return Document.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise InputError(f"{at}: {first['msg']}", where=str(path), todo=_TODO) from error


_TODO = "name a file that `pytest --harness-report-json FILE` wrote"

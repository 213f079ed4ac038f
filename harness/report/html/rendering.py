"""Templates that escape by themselves, filled: one file that loads nothing and runs nothing."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness import __version__
from harness.report.html.layout import is_outside, shown

_HERE = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = made.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    made.globals.update(shown=shown, is_outside=is_outside, digest=digest, version=__version__)
    return made


def rendered(template: str, **facts: Any) -> str:
    """Returns the HTML of a template, whose style alone its content security policy lets in."""
    return _environment().get_template(template).render(facts)

"""Text for people: what a terminal, a CI system or a comment must not take for a command."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0001-\U000e007f]"
)
"""Unicode's Cc (but newline and tab), Cf, Cs, Zl, Zp: control and format characters, line separators."""

_COMMAND = re.compile(r"^(\s*)(::|##\w*\[)", re.MULTILINE)
"""How lines begin that GitHub Actions (`::error`), Azure Pipelines (`##vso[`) and TeamCity obey."""

_SECRET_HEADER = re.compile(
    r"(proxy-)?authorization|(set-)?cookie|.*(token|secret|passw|api-?key|session|credential|jwt|signature).*",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"(?<=://)[^/?#\s@]+(?=@)")
_PARAMETER = re.compile(
    r"(?i)([?&;](?:access_?|id_?|auth_?|refresh_?)?(?:token|secret|password|passwd|api_?key|key|signature|sig|code)=)[^&;#\s]+"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic|digest|negotiate)\s+[a-z0-9._~+/=-]{8,}")
_JWT = re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*")

REDACTED = "<redacted>"


def shown(text: str) -> str:
    r"""Returns a text, of any number of lines, with its control characters as `\u001b`: JSON's way, too.

    So are characters that turn the direction of writing, and line separators that not everybody knows. A
    line that a CI system would take for a command doesn't begin like one any more.
    """
    text = _UNSEEN.sub(_escaped, text)
    return _COMMAND.sub(lambda match: f"{match[1]}\\u{ord(match[2][0]):04x}{match[2][1:]}", text)


def line(text: str) -> str:
    r"""Returns a text as `shown`, in one line: newlines are written as `\n`."""
    return shown(text).replace("\n", "\\n")


def _escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def redacted_header(name: str, value: str) -> str:
    """Returns a header's value, or what stands in its place where it is a credential."""
    return REDACTED if _SECRET_HEADER.fullmatch(name) else redacted(value)


def redacted_headers(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yields headers without credentials."""
    return ((name, redacted_header(name, value)) for name, value in headers)


def redacted(text: str) -> str:
    """Returns a text without credentials: of URLs' userinfo and parameters, bearers and JSON web tokens."""
    text = _PARAMETER.sub(rf"\1{REDACTED}", _USERINFO.sub(REDACTED, text))
    return _JWT.sub(REDACTED, _BEARER.sub(rf"\1 {REDACTED}", text))

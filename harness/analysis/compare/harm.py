"""What a difference does to those who call, and which is worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.analysis.explore.answers import WORDS

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.analysis.explore.answer import ComparedAnswer
    from harness.analysis.explore.answers import Answers

RANKS = {
    "opened": "let in now, and refused before",
    "undecided": "not decided",
    "closed": "refused or failing now, and answered before",
    "elsewhere": "reaches another server, or another path of it",
    "plaintext": "protected in another way",
    "slower": "waits for another time",
    "otherwise": "answered in another way",
    "words": "refused or failing before and now, in other words",
}
"""Kinds of differences, the worst first."""

_ELSEWHERE = {"external", "backend", "path", "host", "shares", "arrivals", "request_headers"}


def harm(parts: Collection[str], before: Answers, after: Answers) -> str:
    """Returns the kind of a difference, by what of the answers differs."""
    if "undecided" in parts:
        return "undecided"
    if tuple(parts) == (WORDS,):
        worded = (answer for side in (before, after) for answer, _ in side.shares if answer.words)
        return "words" if all(map(_fails, worded)) else "otherwise"
    was, now = (sum(weight for answer, weight in side.shares if _fails(answer)) for side in (before, after))
    if was != now:
        return "opened" if now < was else "closed"
    if _ELSEWHERE & set(parts):
        return "elsewhere"
    if "mutual" in parts:
        return "plaintext"
    return "slower" if "seconds" in parts else "otherwise"


def _fails(answer: ComparedAnswer) -> bool:
    """Whether nobody answered, but a proxy that says so."""
    if answer.backend or answer.external:
        return False
    failed = answer.status[:1] in ("4", "5") or answer.grpc_status not in ("", "0")
    return answer.refused or bool(answer.failure) or failed

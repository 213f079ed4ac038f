"""Attributes of a request that is explored: whoever looks at one asks it, and each answer is recorded.

A rule that decides on a request asks whether its path begins with `/admin`, or whether a namespace is
`shop`. An `Attribute` is a text (and `Number` a number) that answers such questions and gives nothing
else away: what would look at it otherwise raises `Unasked`. The `Journal` of a run has the questions in
their order, so that another request can be made that one of them tells apart. Where texts are only shown
or copied (`str`, f-strings) an attribute stands for itself by a mark, which is the same whatever its
value is.
"""

from __future__ import annotations

from harness.base.explored.attribute import Attribute
from harness.base.explored.changes import DECODED, LOWER, Change
from harness.base.explored.journal import (
    AGAIN,
    AND,
    ASCII,
    BARE,
    BEYOND,
    END,
    OBJECT,
    SECONDS,
    START,
    TOKEN,
    Among,
    Asked,
    Further,
    InNetwork,
    Journal,
    Property,
    Several,
    Some,
    Stays,
    Test,
    Unasked,
    Which,
    apart,
)
from harness.base.explored.member import Member
from harness.base.explored.numbers import Measure, Seconds, Status
from harness.base.explored.records import (
    ADDRESS,
    CALLER,
    Entries,
    OpenClaims,
    OpenItems,
    OpenNumber,
    OpenQuery,
    encoded,
    is_explored,
    of,
    of_pod,
)

__all__ = [
    "ADDRESS",
    "AGAIN",
    "AND",
    "ASCII",
    "BARE",
    "BEYOND",
    "CALLER",
    "DECODED",
    "END",
    "LOWER",
    "OBJECT",
    "SECONDS",
    "START",
    "TOKEN",
    "Among",
    "Asked",
    "Attribute",
    "Change",
    "Entries",
    "Further",
    "InNetwork",
    "Journal",
    "Measure",
    "Member",
    "OpenClaims",
    "OpenItems",
    "OpenNumber",
    "OpenQuery",
    "Property",
    "Seconds",
    "Several",
    "Some",
    "Status",
    "Stays",
    "Test",
    "Unasked",
    "Which",
    "apart",
    "encoded",
    "is_explored",
    "of",
    "of_pod",
]

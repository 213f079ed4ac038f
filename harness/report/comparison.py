"""A comparison of two configurations, as text and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.answer import answers, worded
from harness.analysis.compare.comparison import deciding
from harness.analysis.compare.configurations import allowed
from harness.report import trace

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.analysis.compare.comparison import Comparison
    from harness.traffic.outcomes import Outcomes


def text(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns what is printed: each difference that isn't accepted, what was left out, and the sum."""
    unlike = [difference for difference in comparison.differences if not allowed(difference, patterns)]
    accepted = len(comparison.differences) - len(unlike)
    lines = []
    for difference in unlike:
        sides = (("before", difference.before), ("after", difference.after))
        deciders = [f"  {side} by: {link}\n" for side, outcomes in sides for link in deciding(outcomes)]
        lines.append(f"{difference}\n{''.join(deciders)}")
    lines += [f"left out: {hosts}" for hosts in comparison.left_out]
    more = f", {accepted} accepted" if accepted else ""
    count = f"{len(unlike)} difference" + ("" if len(unlike) == 1 else "s")
    lines.append(f"{comparison.classes} classes of requests decided: {count}{more}")
    return "\n".join(lines) + "\n"


def data(comparison: Comparison, patterns: Collection[str] = ()) -> str:
    """Returns the comparison as JSON."""
    described: dict[str, Any] = {
        "classes": comparison.classes,
        "left_out": comparison.left_out,
        "differences": [
            {
                "target": difference.target,
                "parts": difference.parts,
                "accepted": allowed(difference, patterns),
                "classes": difference.classes,
                "callers": difference.sources,
                "request": {
                    "from": str(difference.request.source),
                    "method": difference.request.http_method,
                    "url": difference.request.url,
                    "headers": dict(difference.request.headers),
                },
                "before": _side(difference.before),
                "after": _side(difference.after),
            }
            for difference in comparison.differences
        ],
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _side(outcomes: Outcomes) -> dict[str, Any]:
    taken = dict.fromkeys(step for group in outcomes.groups for step in group.trace)
    return {
        "answer": worded(answers(outcomes)),
        "trace": list(dict.fromkeys(map(str, taken))),
        "steps": list(map(trace.data, taken)),
    }

"""The model's decision on a request: a tree for a terminal, and plain data for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

if TYPE_CHECKING:
    from fractions import Fraction

    from harness.traffic.outcomes import Group, Hop, Outcome, Outcomes
    from harness.traffic.request import Request
    from harness.traffic.trace import Reason


def tree(request: Request, proxy: str | None, outcomes: Outcomes, width: int, *, colour: bool) -> str:
    """Returns each outcome with its probability, and beneath it the reasons in order, and the last hop.

    `proxy` is the one that the request leaves through, if any. A reason's second line is the field,
    and the file:line of its object; alternatives that lost are marked `not taken`.
    """
    way = f"through {proxy}" if proxy else "without a proxy"
    root = Tree(Text(f"{request} {way}, predicted by the model", style="bold"))
    for group in _likeliest_first(outcomes):
        branch = root.add(Text(f"{_share(group.weight)}: {_told(group.outcome)}", style="bold cyan"))
        for reason in group.trace:
            branch.add(_line(reason))
        if group.outcome.hop:
            branch.add(Text(f"the last hop is {group.outcome.hop}", style="green"))
    console = Console(width=width, no_color=not colour, force_terminal=colour, highlight=False)
    with console.capture() as capture:
        console.print(root)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def data(request: Request, proxy: str | None, outcomes: Outcomes) -> dict[str, Any]:
    """Returns the same as plain data: probabilities as exact fraction and as number, times in seconds."""
    return {
        "request": {
            "from": str(request.source),
            "proxy": proxy,
            "method": request.http_method,
            "url": request.url,
            "headers": _pairs(request.headers),
        },
        "basis": "predicted",
        "outcomes": [_group(group) for group in _likeliest_first(outcomes)],
    }


def _likeliest_first(outcomes: Outcomes) -> list[Group]:
    return sorted(outcomes.groups, key=lambda group: -group.weight)


def _share(weight: Fraction) -> str:
    return "always" if weight == 1 else f"{weight} ({float(100 * weight):.4g} %)"


def _told(outcome: Outcome) -> str:
    return f"{outcome} after {outcome.seconds:g} s" if outcome.seconds else str(outcome)


def _line(reason: Reason) -> Text:
    mark = "not taken: " if reason.lost else ""
    style = "dim" if reason.lost else ""
    said = f"{reason.resource}: {reason.text}" if reason.resource else reason.text
    line = Text(f"{mark}{said}", style=style)
    place = ", ".join(part for part in (reason.field, reason.where) if part)
    return line.append(f"\n  {place}", style="dim") if place else line


def _group(group: Group) -> dict[str, Any]:
    outcome = group.outcome
    return {
        "probability": {"exact": str(group.weight), "float": float(group.weight)},
        "outcome": {
            "text": str(outcome),
            "status": outcome.status,
            "grpc_status": outcome.grpc_status,
            "failure": outcome.failure and str(outcome.failure),
            "detail": outcome.detail,
            "backend": outcome.backend and str(outcome.backend),
            "headers": _pairs(outcome.headers),
            "body": outcome.body,
            "seconds": outcome.seconds,
            "server_saw": outcome.server_saw
            and {
                "path": outcome.server_saw.path,
                "host": outcome.server_saw.host,
                "headers": _pairs(outcome.server_saw.headers),
            },
        },
        "hop": outcome.hop and _hop(outcome.hop),
        "trace": [
            {
                "taken": not reason.lost,
                "text": reason.text,
                "resource": reason.resource,
                "field": reason.field,
                "where": reason.where,
            }
            for reason in group.trace
        ],
    }


def _hop(hop: Hop) -> dict[str, Any]:
    return {"mutual": hop.mutual, "mesh": hop.mesh and str(hop.mesh), "client": hop.client}


def _pairs(headers: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """Headers in their order: a name may come more than once."""
    return [{"name": name, "value": value} for name, value in headers]

"""The model's decision on a request: a tree for a terminal, and plain data for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from harness.base.display import shown
from harness.report import trace
from harness.traffic.between import Between, percent

if TYPE_CHECKING:
    from fractions import Fraction

    from rich.console import RenderableType

    from harness.model.model import Answer, Decision
    from harness.traffic.outcomes import Hop, Outcome
    from harness.traffic.trace import Step


def tree(decision: Decision, width: int, *, colour: bool) -> str:
    """Returns each answer with its probability, and beneath it the reasons in order, and the last hop.

    A step's second line is the field, and its file:line:column; alternatives that were passed over are
    marked `not taken`.
    """
    way = f"through {decision.proxy}" if decision.proxy else "without a proxy"
    root = Tree(_text(f"{decision.request} {way}, predicted by the model", style="bold"))
    for answer in decision.answers:
        branch = root.add(_text(f"{_share(answer.probability)}: {_told(answer.outcome)}", style="bold cyan"))
        for step in answer.trace:
            branch.add(_line(step))
        if answer.outcome.hop:
            branch.add(_text(f"the last hop is {answer.outcome.hop}", style="green"))
    return printed(root, width, colour=colour)


def _text(words: str, style: str) -> Text:
    """Words in a style; no control character of theirs is one to the terminal."""
    return Text(shown(words), style=style)


def printed(view: RenderableType, width: int, *, colour: bool) -> str:
    """Returns what a terminal shows of something."""
    console = Console(width=width, no_color=not colour, force_terminal=colour, highlight=False)
    with console.capture() as capture:
        console.print(view)
    return "".join(f"{line.rstrip()}\n" for line in capture.get().splitlines())


def data(decision: Decision) -> dict[str, Any]:
    """Returns the same as plain data: probabilities as exact fraction and as number, times in seconds."""
    request = decision.request
    return {
        "request": {
            "from": str(request.source),
            "proxy": decision.proxy,
            "method": request.http_method,
            "url": request.url,
            "headers": _pairs(request.headers),
            "claims": request.token and request.token.claims,
        },
        "basis": "predicted",
        "outcomes": [_answer(answer) for answer in decision.answers],
    }


def _share(weight: Fraction) -> str:
    if isinstance(weight, Between):
        return f"{percent(weight)}, depending on other requests"
    return "always" if weight == 1 else f"{weight} ({percent(weight)})"


def _told(outcome: Outcome) -> str:
    return f"{outcome} after {outcome.seconds:g} s" if outcome.seconds else str(outcome)


def _line(step: Step) -> Text:
    mark = "not taken: " if step.passed_over else ""
    style = "dim" if step.passed_over else ""
    words = f"{step.subject}: {step.text}" if step.resource else step.text
    line = _text(f"{mark}{words}", style=style)
    place = ", ".join(part for part in (step.field, str(step.place or "")) if part)
    return line.append(shown(f"\n  {place}"), style="dim") if place else line


def _answer(answer: Answer) -> dict[str, Any]:
    outcome = answer.outcome
    return {
        "probability": _probability(answer.probability),
        "outcome": {
            "text": str(outcome),
            "status": outcome.status,
            "grpc_status": outcome.grpc_status,
            "failure": outcome.failure and str(outcome.failure),
            "external": outcome.external or None,
            "detail": outcome.detail,
            "backend": outcome.backend and str(outcome.backend),
            "headers": _pairs(outcome.headers),
            "body": outcome.body,
            "seconds": outcome.seconds,
            "affinity": list(map(str, outcome.series.affinity)),
            "zones": outcome.series.zones,
            "rates": list(map(str, outcome.series.rates)),
            "server_saw": outcome.server_saw
            and {
                "path": outcome.server_saw.path,
                "host": outcome.server_saw.host,
                "headers": _pairs(outcome.server_saw.headers),
            },
        },
        "hop": outcome.hop and _hop(outcome.hop),
        "transport": answer.transport and str(answer.transport),
        "rule": answer.rule and trace.data(answer.rule),
        "policy": answer.policy and trace.data(answer.policy),
        "trace": list(map(trace.data, answer.trace)),
    }


def _probability(share: Fraction) -> dict[str, Any]:
    if isinstance(share, Between):  # other requests can move it
        return {"least": _probability(share.low), "most": _probability(share.high)}
    return {"exact": str(share), "float": float(share)}


def _hop(hop: Hop) -> dict[str, Any]:
    mesh = hop.mesh and str(hop.mesh)
    return {"mutual": hop.mutual, "mesh": mesh, "client": hop.client, "server": hop.server}


def _pairs(headers: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    """Headers in their order: a name may come more than once."""
    return [{"name": name, "value": value} for name, value in headers]

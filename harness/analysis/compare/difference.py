"""A difference between two configurations: who notices it, by which request, and what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from harness.analysis.compare.harm import harm

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.analysis.explore.answer import Answers
    from harness.analysis.explore.callers import Caller
    from harness.base.resources import Resource
    from harness.traffic.request import Request
    from harness.traffic.trace import Step

Traces = tuple[tuple["Step", ...], tuple["Step", ...]]


@dataclass(frozen=True)
class Difference:
    """Classes of requests to one target that two configurations answer differently, in one way.

    `request` and `caller` are an example (None: of what isn't decided there may be none), `application`
    how the application answers it (empty: at once, and well); `parts` what of the answer differs
    (`status`, `backend`, `mutual`, `seconds`…; `undecided`); `classes` counts the classes, `sources`
    names their callers. `is_aside`: it stands for others like it; `is_moved`: workloads are in another mesh
    after than before. `traces` are what decided, before and after.
    """

    target: str
    parts: tuple[str, ...]
    before: Answers
    after: Answers
    service: Resource | None = None
    request: Request | None = None
    caller: Caller | None = None
    application: str = ""
    classes: int = 1
    sources: tuple[str, ...] = ()
    is_aside: bool = False
    is_moved: bool = False
    decided: Callable[[], Traces] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def traces(self) -> Traces:
        """What decided, before and after: the steps of the example."""
        return self.decided() if self.decided else ((), ())

    def __str__(self) -> str:
        lines = [f"{self.target}: {', '.join(self.parts)}"]
        if self.request is None:
            return "\n  ".join((*lines, self.before.undecided or self.after.undecided))
        more = self.classes - 1
        headers = "".join(f" -H '{name}: {value}'" for name, value in self.request.headers)
        alike = f", and {more} {'class' if more == 1 else 'classes'} like it" if more else ""
        lines.append(f"example: {self.request}{headers}{alike}")
        if self.application:
            lines.append(f"where the application {self.application}")
        if self.caller:
            others = [source for source in self.sources if source != str(self.caller.workload)]
            lines.append(f"caller:  {self.caller}" + (f", as {', '.join(others)}" if others else ""))
        lines += [f"before:  {self.before}", f"after:   {self.after}"]
        if "arrivals" in self.parts:
            lines.append(f"arrive:  {self.before.arrival_words}; then {self.after.arrival_words}")
        return "\n  ".join(lines)

    @property
    def place(self) -> str:
        """Namespace and name of the Service, or what else is called."""
        if self.service is None:
            return self.target.partition(":")[0]
        return f"{self.service.namespace}/{self.service.name}"

    @property
    def harm(self) -> str:
        """What it does to those who call: one of `harm.RANKS`."""
        return harm(self.parts, self.before, self.after)

"""A difference between two configurations: who notices it, by which request, and what it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.analysis.compare.harm import harm
from harness.analysis.explore.answers import Answers
from harness.analysis.explore.sources import Sources
from harness.base.listing import some
from harness.model.apps import explored as application

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from harness.analysis.explore.callers import Caller
    from harness.analysis.explore.renaming import Renaming
    from harness.base.resources import Resource
    from harness.traffic.request import Request
    from harness.traffic.trace import Step

Traces = tuple[tuple["Step", ...], tuple["Step", ...]]


@dataclass(frozen=True)
class Difference:
    """Classes of requests to one target that two configurations answer differently, in one way.

    `request` and `caller` are an example (None: of what isn't decided there may be none), `values` its
    attributes, with those of the application that answers it; `parts` what of the answer differs
    (`status`, `backend`, `mutual`, `seconds`…; `undecided`); `classes` counts the classes, `sources`
    are their callers. `is_aside`: it stands for others like it; `is_moved`: workloads are in another mesh
    after than before; `is_unnamed`: a pod is called at a port that it doesn't name. `twin` is a difference
    that is the same but for names. `decide` gives the traces.
    """

    target: str
    parts: tuple[str, ...]
    before: Answers
    after: Answers
    service: Resource | None = None
    request: Request | None = None
    caller: Caller | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    classes: int = 1
    sources: Sources = field(default_factory=Sources)
    is_aside: bool = False
    is_moved: bool = False
    is_unnamed: bool = False
    twin: tuple[Difference, Renaming] | None = field(default=None, repr=False, compare=False)
    decide: Callable[[Difference], Traces] | None = field(default=None, repr=False, compare=False)

    @property
    def application(self) -> str:
        """How the application answers the example, empty if at once and well."""
        return application.words(self.values)

    @cached_property
    def traces(self) -> Traces:
        """What decided, before and after: the steps of the example."""
        return self.decide(self) if self.decide and self.request else ((), ())

    @property
    def essence(self) -> tuple[object, ...]:
        """What it is, whoever of the callers is the example."""
        request = self.request and (self.request.url, self.request.method, self.request.headers)
        how = self.parts, self.before, self.after, self.application, self.is_aside, self.classes
        return (*how, frozenset(self.sources), request)

    @classmethod
    def undecided(
        cls,
        target: str,
        why: str,
        service: Resource | None = None,
        caller: Caller | None = None,
        sources: Sources | None = None,
    ) -> Difference:
        """Returns what stands for requests that aren't decided."""
        nothing = Answers(undecided=why)
        sources = sources or Sources()
        return cls(target, ("undecided",), nothing, nothing, service, caller=caller, sources=sources)

    def renamed(self, renaming: Renaming) -> Difference:
        """Returns the difference with names exchanged in the example, in the answers, and of the sources."""
        return replace(
            self,
            before=self.before.renamed(renaming),
            after=self.after.renamed(renaming),
            request=self.request and renaming.request(self.request),
            sources=self.sources.renamed(renaming),
            twin=(self, renaming),
        )

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
            others = (source for source in self.sources if source != str(self.caller.workload))
            alike = some(others)
            lines.append(f"caller:  {self.caller}" + (f", as {alike}" if alike else ""))
        was, now = (side.described(self.parts) for side in (self.before, self.after))
        lines += [f"before:  {was}", f"after:   {now}"]
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

"""The steps that decided a request: what kind of thing happened, by which object and field, with its numbers.

A step holds words as a template and typed parts. They become text where it is printed (`str`), and nobody
reads them back: what else wants to know something of a step asks its `action`, `resource`, `field` or parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as declared
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from harness.base.records import with_fields
from harness.base.resources import Resource
from harness.base.vocabulary import Workload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from fractions import Fraction

    from harness.base.places import Place
    from harness.traffic.outcomes import Outcome

Arrivals = tuple[tuple[Workload, "Fraction"], ...]
"""How many requests arrive at workloads' applications, on average."""

NAMED = 3
"""Objects of one kind that a step names; of more it tells the number."""


class Action(StrEnum):
    """What kind of thing happened in a step."""

    MATCHED = "matched"
    """A rule, route, policy or setting is the one that holds for the request."""
    SHARED = "shared"
    """Requests are shared out by weights."""
    LEFT_OPEN = "left-open"
    """Requests are shared out in a way that the meshes don't specify."""
    LED = "led"
    """A name or an address leads somewhere."""
    ALLOWED = "allowed"
    DENIED = "denied"
    REWRITTEN = "rewritten"
    REDIRECTED = "redirected"
    ANSWERED = "answered"
    """An application answers, or a proxy in its place."""
    CALLED = "called"
    """An application sends a request of its own."""
    DELAYED = "delayed"
    ABORTED = "aborted"
    RETRIED = "retried"
    LIMITED = "limited"
    """A limit of time or of requests counts."""
    EJECTED = "ejected"
    """An endpoint that failed may be left out for a while."""
    TIMED_OUT = "timed-out"
    MIRRORED = "mirrored"
    DETECTED = "detected"
    """A protocol is taken for this one."""
    ENCRYPTED = "encrypted"
    """TLS begins or ends."""
    UNENCRYPTED = "unencrypted"
    BYPASSED = "bypassed"
    """A proxy is gone round."""
    FAILED = "failed"
    """A name, a connection or a handshake comes to nothing."""
    RESTARTED = "restarted"

    UNMATCHED = "unmatched"
    """The request isn't what the rule or policy is for."""
    OUTRANKED = "outranked"
    """Another one is asked first, or in its place."""
    HIDDEN = "hidden"
    """It isn't for this client, or not for this server."""
    IGNORED = "ignored"
    """It has no effect: it is incomplete, refers to nothing, or nobody reads it."""
    BESIDE = "beside"
    """It concerns other requests than this one."""
    NOT_MODELLED = "not-modelled"

    @property
    def passed_over(self) -> bool:
        """Whether it is an alternative that was looked at and not taken."""
        return self in _PASSED_OVER


_PASSED_OVER = frozenset(map(Action, "unmatched outranked hidden ignored beside not-modelled".split()))


class Words(NamedTuple):
    """Words with parts in them, as `str.format` takes them: `Words("delays by {:g} s", (2.0,))`."""

    template: str
    parts: tuple[Part, ...] = ()

    def __str__(self) -> str:
        return self.template.format(*self.parts) if self.parts else self.template


Part: TypeAlias = "Resource | Workload | Words | Fraction | float | str"
"""What stands in words: an object, a workload, a number, a name, or words again."""


@dataclass(frozen=True, init=False)
class Step:
    """One step of a trace.

    `resource` is the object whose `field` (a path: `spec.http[0].route[1].weight`) did it, None where a
    built-in rule did; `also` are further objects that the same is said of. `depth` counts the applications in
    between: it is 0 for the request itself, 1 for those that its answer needs. `arrivals` are the requests
    that applications get by this step; None where their number depends on timing, or isn't known. `about` is
    the path of what is wrong in an object that is left out whole: its place is told. `outcome` is what an
    application gets of the call that it makes by this step.
    """

    action: Action
    template: str
    parts: tuple[Part, ...]
    resource: Resource | None
    field: str
    depth: int
    arrivals: Arrivals | None
    also: tuple[Resource, ...]
    about: str = ""
    outcome: Outcome | None = declared(default=None, compare=False)

    def __init__(
        self,
        action: Action,
        template: str,
        parts: tuple[Part, ...] = (),
        resource: Resource | None = None,
        field: str = "",
        depth: int = 0,
        arrivals: Arrivals | None = (),
        also: tuple[Resource, ...] = (),
        about: str = "",
        outcome: Outcome | None = None,
    ) -> None:
        # A decision makes dozens of steps, and nobody reads most of them: what dataclasses do for a frozen
        # one takes three times as long.
        fields = self.__dict__
        fields["action"] = action
        fields["template"] = template
        fields["parts"] = parts
        fields["resource"] = resource
        fields["field"] = field
        fields["depth"] = depth
        fields["arrivals"] = arrivals
        fields["also"] = also
        if about:
            fields["about"] = about
        if outcome is not None:
            fields["outcome"] = outcome

    @property
    def text(self) -> str:
        """What it did to the request, in words."""
        return self.template.format(*self.parts) if self.parts else self.template

    @property
    def words(self) -> Words:
        """The same as a part for other words."""
        return Words(self.template, self.parts)

    def reworded(self, action: Action, words: str, *parts: Part) -> Step:
        """Returns the step that the same field took with other words."""
        return with_fields(self, action=action, template=words, parts=parts)

    @property
    def passed_over(self) -> bool:
        """Whether it is an alternative that was looked at and not taken."""
        return self.action in _PASSED_OVER

    @property
    def subject(self) -> str:
        """The name of its object, or of its objects in short; empty where a built-in rule decides."""
        if self.resource is None:
            return ""
        if not self.also:
            return str(self.resource)
        kind, named = f"{self.resource.kind} ", (self.resource, *self.also)
        more = f" and {len(named) - NAMED} more" if len(named) > NAMED else ""
        return f"{kind}{', '.join(str(each).removeprefix(kind) for each in named[:NAMED])}{more}"

    @property
    def place(self) -> Place | None:
        """The place of its field, None where a built-in rule decides."""
        return self.resource.place(self.field or self.about) if self.resource else None

    @property
    def links(self) -> Iterator[Resource]:
        """The other objects that its words name."""
        return (part for part in leaves(self.parts) if isinstance(part, Resource))

    def __str__(self) -> str:
        mark = "not taken: " if self.passed_over else ""
        head = " ".join(part for part in (self.subject, self.field) if part)
        where = str(self.place or "")
        source = f" ({where})" if where else ""
        return f"{mark}{head}: {self.text}{source}" if head else f"{mark}{self.text}"


Trace = tuple[Step, ...]


def step(resource: Resource, field: str, action: Action, words: str, *parts: Part) -> Step:
    """Returns what a field of an object did."""
    return Step(action, words, parts, resource, field)


def words(template: str, *parts: Part) -> Words:
    """Returns words that stand in those of a step."""
    return Words(template, parts)


def listed(parts: Iterable[Part], comma: str = ", ") -> Words:
    """Returns parts with commas between them."""
    parts = tuple(parts)
    return Words(comma.join("{}" for _ in parts), parts)


def built_in(action: Action, words: str, *parts: Part) -> Step:
    """Returns what a rule did that is no object's."""
    return Step(action, words, parts)


def leaves(parts: tuple[Part, ...]) -> Iterator[Part]:
    """Yields parts, of words in them theirs."""
    for part in parts:
        if isinstance(part, Words):
            yield from leaves(part.parts)
        else:
            yield part

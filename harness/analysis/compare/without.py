"""What requests were decided without: objects that may do anything to those that meet them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.analysis.compare.difference import Difference
from harness.base.listing import some
from harness.model.state.tables import grouped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.explore.exploration import RequestClass
    from harness.analysis.explore.renaming import Renaming
    from harness.model import State
    from harness.traffic.trace import Step

_UNSEEN = (
    "it isn't the same on both sides, and no request shows what it does: name those manifests, too (--with)"
)


@dataclass(frozen=True)
class Without:
    """The steps that tell what requests to one target were decided without, before and after."""

    before: dict[Step, None] = field(default_factory=dict)
    after: dict[Step, None] = field(default_factory=dict)

    def note(self, before: Iterable[RequestClass], after: Iterable[RequestClass]) -> None:
        """Adds what classes of requests were decided without."""
        for steps, classes in ((self.before, before), (self.after, after)):
            steps.update((step, None) for each in classes for step in each.answers.without)

    def renamed(self, renaming: Renaming, before: State, after: State) -> Without:
        """Returns the same for a target that is the same but for names."""
        sides = (self.before, before), (self.after, after)
        return Without(*(dict.fromkeys(renaming.trace(steps, state) or steps) for steps, state in sides))


def differences(targets: Iterable[tuple[str, Without]], before: State, after: State) -> Iterator[Difference]:
    """Yields what isn't decided since requests were decided without it: each field once, with whom it meets.

    What differs between the sides and meets nobody isn't decided either: no request shows what it does.
    """
    met = grouped(
        ((step.subject, step.field, step.text), (step, label))
        for label, each in targets
        for step in {**each.before, **each.after}
    )
    for (subject, part, text), every in met.items():
        places = ", ".join(dict.fromkeys(str(step.place) for step, _ in every if step.place))
        requests = some(dict.fromkeys(label for _, label in every))
        told = f"{': ' if places else ''}{' '.join(filter(None, (subject, part)))}: {text}"
        yield Difference.undecided(subject, f"{places}{told}; requests to {requests} meet it")
    seen = {step.resource.key for every in met.values() for step, _ in every if step.resource}
    for state, other in ((before, after), (after, before)):
        for each in state.undecided:
            changed = other.get(*each.resource.key) != each.resource
            if each.local and changed and each.resource.key not in seen:
                seen.add(each.resource.key)
                yield Difference.undecided(str(each.resource), f"{each}; {_UNSEEN}")

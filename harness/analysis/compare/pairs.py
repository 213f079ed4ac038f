"""Explorations of one target on two sides: which of their requests are compared, and what of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.analysis.explore.texts import names_text
from harness.base.explored import Stays
from harness.model.apps import explored as application

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from harness.analysis.explore.answers import Answers
    from harness.analysis.explore.exploration import Exploration, RequestClass
    from harness.analysis.explore.kinds import Kind


def is_served(each: RequestClass) -> bool:
    """Returns whether an application may answer, and the class is explored."""
    return not each.aside and any(answer.backend for answer, _ in each.answers.shares)


def reads_hosts(tree: Exploration) -> bool:
    """Returns whether a rule looks at the text of the Host header: otherwise than a table of hosts does."""
    return any(names_text(asked) for each in tree.classes for asked in each.by_attribute.get("host", ()))


def is_idle(before: Answers, after: Answers) -> bool:
    """Returns whether what nobody says is spoken there leads nowhere before and after.

    That is so where neither side decides it, for one reason; and where nobody answers, in whatever words.
    Nothing is lost by it: what isn't decided of TLS is whether the application speaks it, and to which
    application it leads is decided by plain requests and bytes, too.
    """
    if before.undecided or after.undecided:
        return before == after
    return all(answer.fails for side in (before, after) for answer, _ in side.shares)


def singles(
    before: Exploration,
    after: Exploration,
    kinds: Callable[[str], Kind | None],
    *,
    first: bool,
    resetting: bool,
) -> Iterator[Mapping[str, Any]]:
    """Yields requests that are decided by themselves, since others tell how those like them fare.

    By all callers: those aside, and those of a class whose answer's status matters, with an application that
    ends the connection. By the first of those whose proxies are set up alike: one more with such a one. Where
    both sides make other texts normal, each way not to be.
    """
    seen = []
    statuses = (application.STATUS, application.GRPC_STATUS)
    for tree in (before, after):
        for index, each in enumerate(tree.classes):
            resets = not each.aside and any(asked.attribute in statuses for asked in each.conditions)
            if (resetting and (resets or (first and not index))) or each.aside:
                values = each.values if each.aside else {**each.values, application.RESETS: True}
                own = {key: value for key, value in values.items() if not key.startswith("caller")}
                if own not in seen:
                    seen.append(own)
                    yield values
    forms = [_forms(tree) for tree in (before, after)]
    others = forms[0] ^ forms[1] if all(forms) else ()
    for attribute, test in sorted(others, key=lambda form: (form[0], form[1].name)):
        kind = kinds(attribute)
        examples = filter(kind.takes, test.examples) if kind else ()
        yield from ({**before.classes[0].values, attribute: example} for example in examples)


def _forms(tree: Exploration) -> set[tuple[str, Stays]]:
    """What of texts is made normal, and how."""
    tests = ((asked.attribute, asked.test) for asked in tree.questions)
    return {(name, test) for name, test in tests if isinstance(test, Stays) and test.examples}


def header_values(was: RequestClass, now: RequestClass) -> dict[str, str]:
    """Returns a value for each header that one side alone takes away from what the client sends."""
    gone = [
        {name for answer, _ in each.answers.shares for name, value in answer.request_headers if not value}
        for each in (was, now)
    ]
    return {f"header {name}": "harness" for name in gone[0] ^ gone[1]}

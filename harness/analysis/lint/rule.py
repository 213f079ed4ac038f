"""The rules of lint: rules.yaml has their severities and words, `rules/` a function for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.texts import beside
from harness.base.errors import HarnessError
from harness.base.extensions import Extensible

if TYPE_CHECKING:
    from collections.abc import Mapping

    from harness.api.node import Node
    from harness.base.resources import Resource
    from harness.model import State

PARTS = ("what", "why", "fix")

_REFERENCE = "https://istio.io/latest/docs/reference/config/analysis/{}/"


class Severity(StrEnum):
    """How much a trap hurts: requests fail or nothing is protected, it may not be what is meant, a hint."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Its place among all, the worst first."""
        return tuple(Severity).index(self)


@dataclass(frozen=True)
class Rule:
    """A rule as its users see it; `istioctl` has the codes of `istioctl analyze` that mean the same.

    `words` has what is seen, why it hurts and how to fix it, by the case of the rule (empty: its only one).
    `placement` tells that it is about which mesh holds a workload, so that something must say so; `refers`
    that an object names another that isn't there, so that nobody knows what it does where that is.
    """

    id: str
    severity: Severity
    title: str
    istioctl: tuple[str, ...]
    source: str
    words: Mapping[str, Mapping[str, str]]
    placement: bool = False
    refers: bool = False

    def severity_of(self, case: str) -> Severity:
        """Returns how much a case of it hurts: a case may say so itself."""
        return Severity(self.words[case].get("severity", self.severity))

    @classmethod
    def of(cls, name: str, entry: Mapping[str, object]) -> Rule:
        """Returns a rule as rules.yaml has it: a case has what it says itself, and else the rule's words."""
        codes = tuple(str(entry.get("istioctl", "")).split())
        common = {part: str(entry[part]) for part in PARTS if part in entry}
        cases = entry.get("cases")
        words = {case: {**common, **own} for case, own in cases.items()} if isinstance(cases, dict) else {}
        if len(common) == len(PARTS):
            words[""] = common
        source = str(entry.get("source") or _REFERENCE.format(codes[0].lower()))
        severity = Severity(str(entry["severity"]))
        flags = ("placement" in entry, "refers" in entry)
        return cls(name, severity, str(entry["title"]), codes, source, words, *flags)


class Sign(NamedTuple):
    """What a rule sees: a reading's field (none: all of it) or an object's path, and facts for its words.

    `needs` is a kind (API group and name; and a namespace) of which there must be objects for the sign to
    count: where the manifests hold no Secrets, say, nobody knows whether one is missing.
    """

    at: Node | Resource
    field: str
    case: str
    needs: tuple[str, ...] | None
    facts: dict[str, object]


def seen(
    at: Node | Resource,
    field: str = "",
    *,
    case: str = "",
    needs: tuple[str, ...] | None = None,
    **facts: object,
) -> Sign:
    """Returns a sign; `case` tells cases of one rule apart."""
    return Sign(at, field, case, needs, facts)


Check = Callable[["State"], Iterator[Sign]]
"""Finds a rule's signs in a state."""


@dataclass(frozen=True)
class RuleCheck:
    """A rule that another package brings by an entry point, and what finds its signs."""

    rule: Rule
    check: Check

    def signs(self, state: State) -> Iterator[Sign]:
        """Yields what it sees; raises HarnessError, as the harness's own rules do, whatever goes wrong."""
        try:
            yield from self.check(state)
        except HarnessError:
            raise
        except Exception as error:  # the code of others
            raise HarnessError(
                f"{type(error).__name__}: {error}", where=f"lint rule {self.rule.id}"
            ) from error


def _rule_check(name: str, value: object) -> RuleCheck:
    if not isinstance(value, RuleCheck):
        raise TypeError("it isn't a harness.analysis.lint.rule.RuleCheck")
    if value.rule.id != name:
        raise TypeError(f"its rule is called {value.rule.id!r}")
    return value


RULES = Extensible(
    "lint_rules",
    {name: Rule.of(name, entry) for name, entry in beside(__file__, "rules.yaml").items()},
    lambda name, value: _rule_check(name, value).rule,
)
"""Every rule by its id."""

_OWN: dict[str, Check] = {}

CHECKS = Extensible("lint_rules", _OWN, lambda name, value: _rule_check(name, value).signs)
"""What finds each rule's signs in a state, by the rule's id, in the order in which they are asked."""


def rule(check: Check) -> Check:
    """Enters a rule's function, which is named after the rule; what it is about is in rules.yaml."""
    _OWN[check.__name__.replace("_", "-")] = check
    return check

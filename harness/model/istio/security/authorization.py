"""AuthorizationPolicy: which policies select a server, and what those that deny and allow say.

CUSTOM comes before both, in external_authorization.py; AUDIT never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.objects import annotations_of, spec_of
from harness.model.istio.security import authorization_rule, policies
from harness.traffic.trace import Reason, Step, reason

if TYPE_CHECKING:
    from harness.base.resources import Resource
    from harness.model.arrival import Arrival
    from harness.model.istio.security.authorization_rule import Seen
    from harness.model.state.state import State

KIND = "AuthorizationPolicy"
DENIED = "RBAC: access denied"

_TRUE = frozenset("1 t T true True TRUE".split())


@dataclass(frozen=True)
class Verdict:
    """Whether a request is let through, and the reasons."""

    allowed: bool
    trace: tuple[Step, ...]


def authorize(state: State, arrival: Arrival) -> Verdict:
    """Returns whether the policies that select the server let a request, or a connection, through.

    One that denies and matches decides first; then one that allows must match, if there is any.
    """
    seen = authorization_rule.Seen.of(state, arrival)
    found = [policy for policy in policies.selecting(state, arrival.server, KIND) if not dry_run(policy)]
    passed = policies.passed_over(state, KIND, arrival.server)
    for policy in found:
        if action(policy) == "DENY":
            field = matching_rule(policy, seen, passed)
            if field:
                return Verdict(False, (*passed, reason(policy, field, "matches, and the action is DENY")))
    allowing = [policy for policy in found if action(policy) == "ALLOW"]
    for policy in allowing:
        field = matching_rule(policy, seen, passed)
        if field:
            return Verdict(True, (*passed, reason(policy, field, "matches, and the action is ALLOW")))
    if allowing:
        names = ", ".join(str(policy) for policy in allowing)
        denied = reason(allowing[0], "spec.rules", f"no rule matches of those that allow ({names}): denied")
        return Verdict(False, (*passed, denied))
    text = f"no AuthorizationPolicy with action ALLOW selects {arrival.server.workload}: allowed"
    return Verdict(True, (*passed, Reason(text)))


def action(policy: Resource) -> str:
    """Returns a policy's action."""
    said: str = spec_of(policy).get("action") or "ALLOW"
    return said


def dry_run(policy: Resource) -> bool:
    """Returns whether a policy is only tried: it is logged and counted, and never decides."""
    return annotations_of(policy).get("istio.io/dry-run") in _TRUE


def matching_rule(policy: Resource, seen: Seen, passed: list[Step]) -> str:
    """Returns the first rule that matches, empty if none does; why others don't is added to `passed`."""
    rules = spec_of(policy).get("rules") or ()
    widens = action(policy) != "ALLOW"
    for index, rule in enumerate(rules):
        field = f"spec.rules[{index}]"
        unmet, why = authorization_rule.unmet(policy, field, rule or {}, seen, widens=widens)
        if not unmet:
            return field
        passed.append(reason(policy, unmet, why, lost=True))
    if not rules:
        passed.append(reason(policy, "spec.rules", "has no rule, so matches nothing", lost=True))
    return ""

"""AuthorizationPolicy: which policies select a server, and what those that deny and allow say.

CUSTOM comes before both, in external_authorization.py; AUDIT never decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.api.istio.security.authorization_policy import KIND, AuthorizationPolicy
from harness.model.istio.security import authorization_rule, policies
from harness.traffic.trace import Action, Step, built_in, listed, step

if TYPE_CHECKING:
    from harness.model.istio.security.authorization_rule import Seen
    from harness.model.message import Arrival
    from harness.model.state.state import State

DENIED = "RBAC: access denied"


@dataclass(frozen=True)
class AccessVerdict:
    """Whether a request is let through, and the reasons."""

    allowed: bool
    trace: tuple[Step, ...]


def authorize(state: State, arrival: Arrival) -> AccessVerdict:
    """Returns whether the policies that select the server let a request, or a connection, through.

    One that denies and matches decides first; then one that allows must match, if there is any.
    """
    seen = authorization_rule.Seen.of(state, arrival)
    selecting = map(AuthorizationPolicy.kept, policies.selecting(state, arrival.server, KIND))
    found = [policy for policy in selecting if not policy.is_dry_run]
    passed = policies.passed_over(state, KIND, arrival.server)
    for policy in found:
        if policy.action == "DENY" and (field := matching_rule(policy, seen, passed)):
            denied = step(policy.resource, field, Action.DENIED, "matches, and the action is DENY")
            return AccessVerdict(False, (*passed, denied))
    allowing = [policy for policy in found if policy.action == "ALLOW"]
    for policy in allowing:
        if field := matching_rule(policy, seen, passed):
            allowed = step(policy.resource, field, Action.ALLOWED, "matches, and the action is ALLOW")
            return AccessVerdict(True, (*passed, allowed))
    if allowing:
        text, names = "no rule matches of those that allow ({}): denied", [one.resource for one in allowing]
        denied = step(names[0], "spec.rules", Action.DENIED, text, listed(names))
        return AccessVerdict(False, (*passed, denied))
    text = "no AuthorizationPolicy with action ALLOW selects {}: allowed"
    return AccessVerdict(True, (*passed, built_in(Action.ALLOWED, text, arrival.server.workload)))


def matching_rule(policy: AuthorizationPolicy, seen: Seen, passed: list[Step]) -> str:
    """Returns the first rule that matches, empty if none does; why others don't is added to `passed`."""
    widens = policy.action != "ALLOW"
    for rule in policy.rules:
        unmet, why = authorization_rule.unmet(rule, seen, widens=widens)
        if not unmet:
            return rule.path
        passed.append(step(policy.resource, unmet, Action.UNMATCHED, "{}", why))
    if not policy.rules:
        text = "has no rule, so matches nothing"
        passed.append(step(policy.resource, "spec.rules", Action.UNMATCHED, text))
    return ""

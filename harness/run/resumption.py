"""Which stages of a scenario run, and whether a cluster can go on to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.base import InputError, did_you_mean
from harness.cluster.ownership.ownership import Entry, Journal

if TYPE_CHECKING:
    from collections.abc import Collection

    from harness.scenario import Scenario


def window(scenarios: Collection[Scenario], first: str, last: str) -> range:
    """Returns the places of the stages from the first to the last one (empty: of all there are).

    Raises InputError if there isn't one scenario with these stages in this order.
    """
    if len(scenarios) != 1:
        files = ", ".join(str(scenario.path) for scenario in scenarios)
        raise InputError(
            "--harness-from and --harness-until are about one scenario", why=files, todo="name one file"
        )
    [scenario] = scenarios
    names = [stage.name for stage in scenario.stages]
    for option, name in (("--harness-from", first), ("--harness-until", last)):
        if name and name not in names:
            raise InputError(f"unknown stage {name!r}; {did_you_mean(name, names)}", where=option)
    places = range(names.index(first) if first else 0, names.index(last) + 1 if last else len(names))
    if not places:
        raise InputError(f"stage {first!r} comes after {last!r}", where="--harness-from")
    return places


def resumable(cluster: str | None, scenario: Scenario, start: int) -> Entry:
    """Returns what the journal says of a kept cluster on which a scenario is to go on to a stage.

    Raises InputError if it can't: the cluster isn't kept, or stands elsewhere.
    """
    if cluster is None:
        raise InputError(
            "--harness-from goes on where an earlier run stopped, and no cluster is kept",
            where="--harness-from",
            todo="add --harness-reuse, and the --cluster-name of that run",
        )
    entry = Journal(cluster).read()
    obstacle = _obstacle(entry, cluster, scenario, start)
    if entry is None or obstacle:
        raise InputError(obstacle, where="--harness-from", todo="begin anew: leave --harness-from out")
    return entry


def _obstacle(entry: Entry | None, cluster: str, scenario: Scenario, start: int) -> str:
    if entry is None or not entry.stages:
        return f"cluster {cluster} is at no stage of a scenario"
    if entry.scenario != str(scenario.path.resolve()):
        return f"cluster {cluster} is at a stage of {entry.scenario}"
    now = {stage.name: stage.digest for stage in scenario.stages[: len(entry.stages)]}
    for name, digest in entry.stages:
        if now.get(name) != digest:
            return f"stage {name!r}, through which cluster {cluster} went, isn't what it was then"
    at = entry.stages[-1][0]
    if len(entry.stages) - 1 > start:
        return f"cluster {cluster} is at stage {at!r} already, and stages can't be undone"
    return ""

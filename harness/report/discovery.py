"""What was found out, as text and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.analysis.discover.facts import Verdict
from harness.analysis.discover.ordering import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.discover import Discovery
    from harness.analysis.discover.call_graph import Call
    from harness.analysis.discover.features import Feature
    from harness.analysis.discover.installation import Setting
    from harness.analysis.discover.migration import Migration, Stage
    from harness.analysis.discover.trust import Trust
    from harness.base.places import Place, Position

_WIDTH = max(map(len, Verdict))


def text(discovery: Discovery) -> str:
    """Returns a line for each feature, setting and boundary, in stable order, with a sum for each part."""
    lines = [f"features of Istio in use: {_sum(discovery.features)}"]
    lines += map(_feature, discovery.features)
    lines += [f"  not read: {name}" for name in discovery.unread]
    lines += ["", f"values of the installation: {_sum(discovery.settings)}"]
    lines += map(_setting, discovery.settings)
    lines += ["", *_migration(discovery.migration)]
    return "\n".join(lines) + "\n"


def data(discovery: Discovery) -> str:
    """Returns the same as JSON."""
    described: dict[str, Any] = {
        "features": [_plain(feature) for feature in discovery.features],
        "not_read": discovery.unread,
        "settings": [_plain(setting) for setting in discovery.settings],
        "migration": {
            "boundaries": discovery.migration.boundaries,
            "exact": discovery.migration.exact,
            "assumed": discovery.migration.assumed,
            "calls": discovery.migration.calls,
            "before": [_call(call) for call in discovery.migration.before],
            "stages": [
                {
                    "moves": stage.moves,
                    "gateway": stage.gateway,
                    "why": stage.why,
                    "boundaries": [_call(call) for call in stage.boundaries],
                    "needs": [
                        {"place": need.place, "trust": _plain(need.trust), "todo": need.todo}
                        for need in stage.needs
                    ],
                }
                for stage in discovery.migration.stages
            ],
        },
    }
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _plain(record: Feature | Setting | Trust) -> dict[str, Any]:
    return {**dataclasses.asdict(record), "where": str(record.where)}


def _sum(findings: Iterable[Feature | Setting]) -> str:
    counted = Counter(finding.verdict for finding in findings)
    each = ", ".join(f"{counted[verdict]} {verdict}" for verdict in Verdict if counted[verdict])
    return f"{counted.total()} ({each})" if each else "none"


def _feature(feature: Feature) -> str:
    times = (
        f"{feature.affected} of {feature.count}" if feature.affected < feature.count else str(feature.count)
    )
    topic = f"[{feature.topic}] " if feature.topic and not feature.name.endswith(f"({feature.topic})") else ""
    also = f" (also: {', '.join(feature.also)})" if feature.also else ""
    advice = f": {topic}{_advice(feature.why, feature.todo)}{also}" if feature.why else ""
    where = str(feature.where) if feature.where.line else ""
    place = ", ".join(filter(None, (feature.resource, where)))
    return f"  {feature.verdict:{_WIDTH}}  {feature.name} ×{times}{advice} ({place})"


def _setting(setting: Setting) -> str:
    words = f"{setting.name}: {setting.value}: {_advice(setting.why, setting.todo)}"
    return f"  {setting.verdict:{_WIDTH}}  {words}{_at(setting.where)}"


def _advice(why: str, todo: str) -> str:
    return f"{why}; do: {todo}" if todo else why


def _at(where: Position | Place) -> str:
    place = str(where)
    return f" ({place})" if place else ""


def _migration(migration: Migration) -> Iterator[str]:
    if not migration.stages:
        yield "order to migrate in: no namespace is in Istio's mesh"
        return
    yield from order(migration)
    if migration.before:
        yield f"  before: {_calls(len(migration.before))} plaintext"
        yield from map(_boundary, migration.before)
    for number, stage in enumerate(migration.stages, start=1):
        yield from _stage(number, stage)


def order(migration: Migration) -> Iterator[str]:
    """Yields how good the order is, and on what it rests; nothing where nothing moves."""
    if not migration.stages:
        return
    way = (
        "no other order has fewer"
        if migration.exact
        else f"a good order: more than {EXACT} namespaces hang together, too many to weigh every order"
    )
    yield (
        f"order to migrate in: {len(migration.stages)} stages, "
        f"{_calls(migration.calls)} between namespaces known, "
        f"{migration.boundaries} × plaintext summed over the stages ({way})"
    )
    if migration.assumed:
        yield "  no object says which namespaces are in Istio's mesh: all that have workloads are taken to be"
    if not migration.calls:
        yield "  no call between namespaces is known from what workloads, routes and policies say"


def _stage(number: int, stage: Stage) -> Iterator[str]:
    what = "gateway" if stage.gateway else "namespace"
    crossing = f"{_calls(len(stage.boundaries))} plaintext" if stage.boundaries else "no boundary"
    yield f"  {number}. {what} {stage.moves}: {crossing}"
    if stage.why:
        yield f"     {stage.why}"
    yield from map(_boundary, stage.boundaries)
    for need in stage.needs:
        about = f"{need.trust.resource} {need.trust.field}".strip()
        yield f"     needs in {need.place}: {need.todo}: {about}{_at(need.trust.where)}"


def _boundary(call: Call) -> str:
    return f"     {call}: {call.resource} {call.field}"


def _calls(number: int) -> str:
    return "1 call" if number == 1 else f"{number} calls"


def _call(call: Call) -> dict[str, str]:
    return {
        "from": call.source,
        "to": call.target,
        "caller": call.caller,
        "server": call.server,
        "resource": str(call.resource),
        "field": call.field,
    }

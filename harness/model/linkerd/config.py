"""Linkerd's settings for the whole installation of a state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.linkerd.linkerd_config import NAME, LinkerdConfig
from harness.base.resources import per_object
from harness.base.vocabulary import LINKERD_NAMESPACE
from harness.model.state.tables import per_state
from harness.traffic.trace import Action, Part, Step, Words, built_in, step

if TYPE_CHECKING:
    from harness.model.state import Objects, State


_kept = per_object(LinkerdConfig.of)


@per_state
def of(state: State) -> LinkerdConfig:
    """Returns the settings of a state's installation; raises what reading them raises."""
    return read(state)


def read(objects: Objects) -> LinkerdConfig:
    """Returns the same, also while a state is being made."""
    origin = objects.get("", "ConfigMap", LINKERD_NAMESPACE, NAME)
    return _kept(origin) if origin else LinkerdConfig()


def setting(settings: LinkerdConfig, key: str, text: str, *parts: Part) -> Step:
    """Returns the step in which a setting holds, by its place, or as the default that it is."""
    if settings.origin is None:
        return built_in(Action.MATCHED, "{} (Linkerd's {}, by default)", Words(text, parts), key)
    return step(settings.origin, f"data.values {key}", Action.MATCHED, text, *parts)

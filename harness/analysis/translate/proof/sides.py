"""The two sides of a proof: the estate as it is, and the same estate with a translation applied."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from harness.base.errors import InputError
from harness.model import changes
from harness.model.changes.loading import load_objects, meshes_used
from harness.model.leniency import Leniency

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.analysis.translate.translation import Translation
    from harness.base.resources import Resource
    from harness.manifests.patching import Patch
    from harness.model import State
    from harness.model.state import Undecided


def before(resources: Iterable[Resource], made: Translation) -> tuple[State, tuple[Undecided, ...]]:
    """Returns the estate as it is, and what the model doesn't decide of it."""
    objects = tuple(resources)
    meshes = {made.source, *meshes_used(objects)}
    state = load_objects([objects], meshes, dict.fromkeys(made.assumed, made.source), Leniency())
    return state, state.undecided


def after(resources: Iterable[Resource], made: Translation) -> tuple[State, tuple[Undecided, ...]]:
    """Returns the estate with a translation applied, and what the model doesn't decide of it."""
    objects = made.applied(resources)
    meshes = {made.target, *meshes_used(objects)}
    state = load_objects([objects], meshes, dict.fromkeys(made.assumed, made.target), Leniency())
    for patch in made.patches:
        state = changes.apply(state, [_patched(state, patch)])
    return state, state.undecided


def _patched(state: State, patch: Patch) -> Resource:
    for stored in state.objects.values():
        if patch.target.names(stored.live):
            return replace(stored.live, data=patch.patched(stored.live.data))
    raise InputError(f"{patch.target} isn't there to be patched", todo="give its manifest, too")

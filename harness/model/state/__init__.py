"""The state of a cluster as the model keeps it, and the pods that run in it."""

from harness.model.state.state import (
    Key,
    Objects,
    Pod,
    RunningContainer,
    State,
    Stored,
    namespace_labels,
    namespace_object,
)
from harness.model.state.undecided import Undecided

__all__ = [
    "Key",
    "Objects",
    "Pod",
    "RunningContainer",
    "State",
    "Stored",
    "Undecided",
    "namespace_labels",
    "namespace_object",
]

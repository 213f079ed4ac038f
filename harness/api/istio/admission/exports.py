"""Whom an object is exported to, as Istio's webhook checks it [istio/istio: validateExportTo]."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.api.istio.admission import forms
from harness.api.refusal import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from harness.api.node import Node

_NOBODY = "exportTo ~ (none) is not allowed for Istio configuration objects"


def export_faults(spec: Node, names: Sequence[str], *, nobody: bool = False) -> Iterator[str]:
    """Yields what is wrong with an `exportTo`; `nobody` says that it may be `~`."""
    own, before = spec.resource.namespace, set[str]()
    for index, name in enumerate(names):
        field, key = spec.entry("exportTo", index), own if name == "." else name
        if key in before:
            which = f": . and current namespace {own}" if name == "." else f" for entry {name}"
            yield Fault(f"duplicate entries in exportTo{which}", field)
        elif name == "~" and not nobody:
            yield Fault(_NOBODY, field)
        elif key not in ("*", "~") and not forms.is_label(key):
            yield Fault("only .,*, or a valid DNS 1123 label is allowed as exportTo entry", field)
        before.add(key)
    if "*" in names and len(names) > 1:
        words = "cannot have both public (*) and non-public exportTo values for a resource"
        yield Fault(words, spec.entry("exportTo", names.index("*")))
    if "~" in names and nobody and len(names) > 1:
        words = "cannot export service entry to no one (~) and someone"
        yield Fault(words, spec.entry("exportTo", names.index("~")))

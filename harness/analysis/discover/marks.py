"""Labels, annotations and classes of Istio's on objects that aren't its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.analysis.discover.facts import Fact, Verdict, of_class
from harness.analysis.translate.injection import Marks
from harness.api.gateway_api.gateway import class_of
from harness.api.kubernetes.metadata import Metadata, labels_of
from harness.api.kubernetes.workload import is_workload, template_of
from harness.api.marks import ISTIO_AMBIENT, ISTIO_INJECT, ISTIO_INJECTION, ISTIO_TEMPLATES
from harness.api.schema.kinds import GATEWAY_API

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.base.resources import Resource

# Of these the value is half of the meaning.
_TELLING = frozenset((ISTIO_INJECTION, ISTIO_INJECT, ISTIO_AMBIENT, ISTIO_TEMPLATES))
_TEMPLATED = Fact(
    Verdict.CHANGES,
    "Istio's injector makes these pods of a template of its own",
    "write the gateway out, without injection, or take another ingress",
)
_INSTALLERS = ("operator.istio.io/component", "install.operator.istio.io/owning-resource")


def is_installed(resource: Resource) -> bool:
    """Returns whether an object is a part of Istio's own installation, by what its charts label."""
    labels = labels_of(resource)
    return labels.get("app.kubernetes.io/part-of") == "istio" or any(key in labels for key in _INSTALLERS)


class Mark(NamedTuple):
    """A label, annotation or class of Istio's: its name as a feature, its key, and the path of its field.

    `fact` and `topic` are what is known without the translation.
    """

    name: str
    key: str
    field: str
    fact: Fact | None = None
    topic: str = ""


def marks(resource: Resource) -> Iterator[Mark]:
    """Yields the marks on Namespaces, Services and pods (or their templates), and Gateways' classes."""
    if (resource.group, resource.kind) == (GATEWAY_API, "Gateway"):
        yield from _of_class(resource)
    elif not resource.group and resource.kind in ("Namespace", "Service"):
        yield from _of_metadata(resource.kind, Metadata.of(resource))
    elif is_workload(resource):
        yield from _of_metadata("Pod", template_of(resource).metadata)


def _of_class(resource: Resource) -> Iterator[Mark]:
    name, key = class_of(resource), "gatewayClassName"
    if becomes := of_class(name):
        yield Mark(f"Gateway.{GATEWAY_API} {key} {name}", key, f"spec.{key}", becomes, "gateway-class")


def _of_metadata(kind: str, metadata: Metadata) -> Iterator[Mark]:
    istio = Marks.of(metadata).istio
    templated = kind == "Pod" and ISTIO_TEMPLATES in istio
    becomes = (_TEMPLATED, "gateway-injection") if templated else (None, "")
    for word, entries in (("label", metadata.labels), ("annotation", metadata.annotations)):
        for key, value in entries.items():
            if key in istio:
                name = f"{kind} {word} {key}" + (f" {value}" if key in _TELLING else "")
                yield Mark(name, key, f"{metadata.at(f'{word}s')}.{key}", *becomes)

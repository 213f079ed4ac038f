"""What of Istio's is translated, kinds and fields (istio.yaml), and what is told of all else."""

from __future__ import annotations

import re
from contextlib import suppress
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from harness.analysis.texts import beside
from harness.analysis.translate.finding import Finding, at_gateways
from harness.analysis.translate.staying import reach
from harness.api.istio import ingress
from harness.api.kubernetes.ingress import Ingress
from harness.api.kubernetes.workload import WORKLOAD_KINDS
from harness.api.refusal import Refused
from harness.api.schema import foreign
from harness.api.schema import shapes as schema
from harness.api.schema.fields import known_beside
from harness.api.schema.kinds import COMPLETE, KINDS, kinds_of
from harness.base.errors import InputError, NotModelledError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.analysis.translate.estate import Estate
    from harness.api.node import Node
    from harness.base.resources import Resource

_GONE = ("authentication.istio.io", "config.istio.io", "rbac.istio.io")
"""Groups that no Istio reads since 1.6."""
_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def groups() -> dict[str, dict[str, Any]]:
    """Returns Istio's groups: versions, the kinds that are translated, and what is told of the others."""
    data: dict[str, dict[str, Any]] = beside(__file__, "istio.yaml")["groups"]
    return data


def check(resources: Iterable[Resource]) -> None:
    """Raises InputError or Refused for the first object that can't be read: kind, version, form, template."""
    istio = groups()
    for resource in resources:
        if resource.group in _GONE:
            continue
        group, kind = resource.group, resource.kind
        if table := istio.get(group):
            kinds = (*table["translated"], *table["lost"])
            if kind not in kinds:
                raise _unknown(resource, "kind", f"unknown kind {kind} in {group}", kinds)
            if resource.version not in table["versions"]:
                what = f"{resource}: {group} has no version {resource.version}"
                raise _unknown(resource, "version", what, table["versions"])
            if kind in table["translated"]:
                _refuse_templates(resource)
            continue
        if group.endswith("istio.io"):
            raise _unknown(resource, "group", f"unknown API group {group}", istio)
        if group in COMPLETE and kind not in (known := kinds_of(group)):
            raise _unknown(resource, "kind", f"unknown kind {kind} in {resource.api_version}", known)
        _refuse_halves(resource)


def _unknown(resource: Resource, part: str, what: str, valid: Iterable[str]) -> InputError:
    where = resource.place("kind" if part == "kind" else "apiVersion")
    return InputError(what, where=where, todo=did_you_mean(getattr(resource, part), valid))


def _refuse_halves(resource: Resource) -> None:
    """Raises Refused, as the API server would, for what is read of Services and workloads."""
    if resource.kind in ("Service", "Pod", *WORKLOAD_KINDS) and (resource.group, resource.kind) in KINDS:
        try:
            with suppress(NotModelledError):  # what can't be decided can be translated
                schema.check(schema.without_nulls(resource), KINDS[resource.group, resource.kind])
        except Refused as error:
            # Containers and images needn't be there: labels and ports alone say something, too.
            if not error.what.endswith("Required value") or "ports[" in error.what:
                raise


def untranslated(estate: Estate) -> Iterator[Finding]:
    """Yields a finding for each object of Istio's that isn't translated, or of a kind that can move traffic.

    What reaches a gateway of Istio's stays there. What objects of somebody else's make, nobody here knows.
    """
    istio, ingresses = groups(), ingress.served(estate.resources)
    for resource in estate.resources:
        if resource.group in istio:
            if code := istio[resource.group]["lost"].get(resource.kind):
                whose = reach(estate, resource)
                if whose.gateways:
                    yield Finding.of("gateway-policy", resource)
                if whose.others:
                    yield Finding.of(code, resource)
        elif resource.group in _GONE:
            yield Finding.of("no-effect.group", resource, "apiVersion")
        elif resource.key[:2] == Ingress.KIND:
            yield _ingress(resource, is_served=resource in ingresses)
        elif moves := foreign.reason(resource):
            yield Finding.of("foreign-kind", resource, moves.field or "kind", problem=moves.why)


def _ingress(resource: Resource, *, is_served: bool) -> Finding:
    """What is told of an Ingress: Linkerd has no gateway that goes by one."""
    if is_served:
        return Finding.of("gateway-ingress", resource)
    return Finding.of("foreign-kind", resource, "kind", problem=ingress.FOREIGN)


def unread(reading: Node, *, at_gateway: bool = False) -> Iterator[Finding]:
    """Yields a finding for each field of an object, or of a part of one, that nobody read.

    What is for Istio's gateways alone is told in other words, where Linkerd's proxies have no part in it.
    """
    resource = reading.resource
    for path in reading.unread():
        name = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
        if valid := known_beside(resource, path):
            code = "unknown-field.typo" if get_close_matches(name, valid) else "unknown-field"
            facts = {"name": name, "kind": resource.kind, "todo": did_you_mean(name, valid)}
            yield Finding.of(code, resource, path, **facts)
        else:
            code = _code(resource.kind, path)
            yield Finding.of(at_gateways(code) if at_gateway else code, resource, path)


def _code(kind: str, path: str) -> str:
    """What istio.yaml says of a field, or of all around it."""
    part = beside(__file__, "istio.yaml")["fields"].get(kind)
    for key in re.sub(r"\[\d+\]", "", path).split(".")[1:]:
        part = part.get(key) if isinstance(part, dict) else part
    return part if isinstance(part, str) else "unknown-field.untranslated"


def _refuse_templates(resource: Resource) -> None:
    for path, text in _texts(resource.data, ""):
        if template := _TEMPLATE.search(text):
            raise InputError(
                f"{resource}: an unrendered template",
                where=resource.place(path),
                why=template.group(),
                todo="render it first (helm template …)",
            )


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yields the names and texts in a value, each with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            inner = f"{path}.{key}" if path else str(key)
            yield inner, str(key)
            yield from _texts(item, inner)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")

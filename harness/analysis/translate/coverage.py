"""Istio's kinds: those that are translated, and those that nothing of Linkerd's corresponds to."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.analysis.texts import beside
from harness.analysis.translate.finding import Finding
from harness.api.kubernetes.workload import WORKLOAD_KINDS
from harness.api.refusal import Refused
from harness.api.schema import shapes as schema
from harness.api.schema.kinds import KINDS
from harness.base.errors import InputError, NotModelledError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from harness.base.resources import Resource

_GONE = ("authentication.istio.io", "config.istio.io", "rbac.istio.io")
"""Groups that no Istio reads since 1.6."""
_KUBERNETES = {
    "": (
        "ConfigMap Endpoints Event LimitRange Namespace Node PersistentVolume PersistentVolumeClaim Pod "
        "PodTemplate ReplicationController ResourceQuota Secret Service ServiceAccount"
    ).split(),
    "apps": "ControllerRevision DaemonSet Deployment ReplicaSet StatefulSet".split(),
}
_SILENT = ("k8s.io", "linkerd.io")
"""Endings of groups whose objects stay as they are, whatever the mesh."""

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def groups() -> dict[str, dict[str, Any]]:
    """Returns Istio's groups: versions, the kinds that are translated, and what is told of the others."""
    found: dict[str, dict[str, Any]] = beside(__file__, "istio.yaml")["groups"]
    return found


def check(resources: Iterable[Resource]) -> None:
    """Raises InputError or Refused for the first object that can't be read: kind, version, form, template."""
    known = groups()
    for one in resources:
        if one.group in _GONE:
            continue
        if group := known.get(one.group):
            kinds, versions = (*group["translated"], *group["lost"]), group["versions"]
            if one.kind not in kinds:
                raise _unknown(one, "kind", f"unknown kind {one.kind} in {one.group}", one.kind, kinds)
            if one.version not in versions:
                what = f"{one}: {one.group} has no version {one.version}"
                raise _unknown(one, "apiVersion", what, one.version, versions)
            if one.kind in group["translated"]:
                _refuse_templates(one)
            continue
        if one.group.endswith("istio.io"):
            raise _unknown(one, "apiVersion", f"unknown API group {one.group}", one.group, known)
        if one.kind not in _KUBERNETES.get(one.group, (one.kind,)):
            what = f"unknown kind {one.kind} in {one.api_version}"
            raise _unknown(one, "kind", what, one.kind, _KUBERNETES[one.group])
        _refuse_halves(one)


def _unknown(resource: Resource, field: str, what: str, word: str, valid: Iterable[str]) -> InputError:
    return InputError(what, where=resource.place(field), todo=did_you_mean(word, valid))


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


def untranslated(resources: Iterable[Resource]) -> Iterator[Finding]:
    """Yields a finding for each object of Istio's that isn't translated, then one for each foreign kind.

    What objects of somebody else's make, nobody here knows.
    """
    known = groups()
    foreign: dict[tuple[str, str], Resource] = {}
    for one in resources:
        if one.group in known:
            if code := known[one.group]["lost"].get(one.kind):
                yield Finding.of(code, one)
        elif one.group in _GONE:
            yield Finding.of("no-effect.group", one, "apiVersion")
        elif "." in one.group and not one.group.endswith(_SILENT):
            foreign.setdefault((one.group, one.kind), one)
    for (group, kind), one in foreign.items():
        yield Finding.of("foreign-kind", one, "kind", kind=kind, group=group)


def _refuse_templates(resource: Resource) -> None:
    for text in _texts(resource.data):
        if template := _TEMPLATE.search(text):
            raise InputError(
                f"{resource}: an unrendered template",
                where=resource.where,
                why=template.group(),
                todo="render it first (helm template …)",
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)

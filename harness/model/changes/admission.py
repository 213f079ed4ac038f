"""Whether an object gets in: kinds that are installed, fields, and what webhooks refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from harness.api.kubernetes.definition import DEFINITION, CustomResourceDefinition
from harness.api.kubernetes.metadata import annotations_of, labels_of
from harness.api.kubernetes.validation import refuse_many_pods, validate, validate_name
from harness.api.kubernetes.workload import is_workload
from harness.api.refusal import Refused, meant
from harness.api.schema import kinds as schemas
from harness.api.schema.foreign import is_foreign
from harness.api.schema.shapes import check, without_nulls
from harness.base.errors import not_modelled
from harness.base.resources import per_object
from harness.model.planes import CONTROL_PLANES

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.base.resources import Resource
    from harness.model.state import Objects


Checked = TypeVar("Checked")

_ALWAYS_THERE = ("default", "kube-system", "kube-public", "kube-node-lease")


def admit(objects: Objects, resource: Resource) -> Resource:
    """Returns an object as the API server stores it, or raises.

    Refused carries the API server's or a webhook's words; NotModelledError names a kind or a
    field that the model doesn't decide on (checked after refusals by kind, before those by value).
    """
    kind = (resource.group, resource.kind)
    mesh = schemas.MESH_OF_GROUP.get(resource.group)
    if not objects.served.includes(resource):
        raise Refused.unknown_kind(resource, schemas.kinds_of(resource.group))
    validate_name(resource)
    if kind == DEFINITION:
        _check_definition(CustomResourceDefinition.kept(resource))
    missing = objects.get("", "Namespace", "", resource.namespace) is None
    if resource.namespace and missing and resource.namespace not in _ALWAYS_THERE:
        raise Refused(
            f'namespaces "{resource.namespace}" not found',
            where=resource.place("metadata.namespace"),
            why=f"{resource} is in it",
        )
    definition = objects.served.definition(resource)
    if definition:
        from harness.api.schema import structure  # its libraries are needed for definitions alone

        structure.check(definition, without_nulls(resource), objects.get(*resource.key))
    if kind not in schemas.KINDS and any(plane.brought(resource) for plane in CONTROL_PLANES.values()):
        return resource
    if shape := schemas.CHECKED.get(kind):
        form = without_nulls(resource)
        _known(lambda each: check(each, shape), form, definition)
        for each, plane in CONTROL_PLANES.items():
            if each in objects.meshes and mesh is each:
                plane.validate(form)
    if kind in schemas.INERT:
        return resource
    if is_foreign(resource):
        if is_workload(resource):
            check(resource, schemas.FOREIGN_WORKLOAD)
            refuse_many_pods(resource)
        return resource
    if lack := objects.served.lacking(resource):
        why = "it isn't in the release of the Gateway API that is installed"
        raise Refused(lack.what, where=resource.place(lack.field), why=why)
    resource = _known(checked, resource, definition)
    if kind == ("", "Service"):
        marks = labels_of(resource), annotations_of(resource)
        for each, plane in CONTROL_PLANES.items():
            plane.check_marks(resource, *marks, installed=each in objects.meshes)
    if mesh is None:
        _known(validate, resource, definition)
    if mesh is not None or resource.group == schemas.GATEWAY_API:
        for each, plane in CONTROL_PLANES.items():
            if each in objects.meshes and mesh in (None, each):
                plane.validate(resource)
    return resource


def _check_definition(definition: CustomResourceDefinition) -> None:
    """Raises Refused for a definition that doesn't say of which kind it is."""
    for field, value in (("spec.group", definition.group), ("spec.names.kind", definition.names.kind)):
        if not value:
            raise Refused.invalid(definition.resource, field, "Required value")


def check_settings(resource: Resource) -> Resource:
    """Returns the object; raises NotModelledError for an installation's settings that aren't modelled.

    Requests depend on all of them: who is strict refuses those, who is lenient takes the object without.
    """
    for plane in CONTROL_PLANES.values():
        plane.check_settings(resource)
    return resource


@per_object
def checked(resource: Resource) -> Resource:
    """Returns an object of a kind that the model reads, its fields checked, without those that are null.

    Raises NotModelledError for a kind or a field that the model doesn't know, Refused for a version that
    Kubernetes doesn't serve, for fields that are absent or of a wrong form.
    """
    shape = schemas.KINDS.get((resource.group, resource.kind))
    if shape is None and meant(resource.kind, kinds := schemas.kinds_of(resource.group)):
        raise Refused.unknown_kind(resource, kinds)
    if shape is None:
        raise not_modelled(resource, "", f"the model knows no {resource.api_version} {resource.kind}")
    if resource.version not in shape.versions:
        raise Refused.unknown_version(resource, shape.versions)
    resource = without_nulls(resource)
    check(resource, shape)
    return resource


def _known(
    check: Callable[[Resource], Checked], resource: Resource, definition: CustomResourceDefinition | None
) -> Checked:
    """What a check returns; where an object's definition took it, a refusal tells what the model lacks."""
    try:
        return check(resource)
    except Refused as error:
        if definition is None:
            raise
        why = f"its definition takes it, unlike the release that the model knows: {error.what}"
        raise not_modelled(resource, "", why, about=error.path) from None

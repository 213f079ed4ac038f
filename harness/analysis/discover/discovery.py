"""All that is found out about an estate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.discover.features import Feature, features
from harness.analysis.discover.installation import Setting, of_objects, ordered
from harness.analysis.discover.migration import Migration, migration
from harness.analysis.translate import coverage as kinds
from harness.analysis.translate import translate
from harness.api.kubernetes.metadata import configuration
from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource


@dataclass(frozen=True)
class Discovery:
    """The features of Istio in use, the installation's values, and the order to migrate in.

    `unread` are objects of Istio's that nothing is known of: why, and where.
    """

    features: tuple[Feature, ...]
    settings: tuple[Setting, ...]
    migration: Migration
    unread: tuple[str, ...] = ()


def discover(resources: Iterable[Resource], settings: Iterable[Setting] = ()) -> Discovery:
    """Returns what objects say, as a dump that was read with `running` has them, and these settings beside.

    Raises InputError for objects that aren't whole.
    """
    resources = tuple(resources)
    readable, unread = [], []
    for resource in configuration(resources):
        try:
            kinds.check([resource])
        except InputError as error:
            unread.append(str(error))
        else:
            readable.append(resource)
    made = translate(readable)
    return Discovery(
        features(readable, made.findings),
        ordered((*settings, *of_objects(readable))),
        migration(resources, made.patches),
        tuple(unread),
    )

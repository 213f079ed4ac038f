"""What an estate uses of Istio, what becomes of each of it under Linkerd, and in which order to migrate.

`discover(resources)` is pure; it returns the features in use, the values that the installation was given, and
the order of namespaces that keeps plaintext boundaries fewest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.analysis.discover.facts import Verdict
from harness.analysis.discover.features import Feature
from harness.analysis.discover.features import features as features_of
from harness.analysis.discover.installation import Setting, of_objects, ordered
from harness.analysis.discover.migration import Migration, Stage
from harness.analysis.discover.migration import migration as migration_of
from harness.analysis.translate import coverage as kinds
from harness.analysis.translate import translate
from harness.api.kubernetes.metadata import configuration
from harness.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.base.resources import Resource


__all__ = ["Discovery", "Feature", "Migration", "Setting", "Stage", "Verdict", "discover"]


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
        features_of(readable, made.findings),
        ordered((*settings, *of_objects(readable))),
        migration_of(resources, made.patches),
        tuple(unread),
    )

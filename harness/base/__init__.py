"""Words, errors and values that every part shares."""

from harness.base.errors import HarnessError, InputError, MissingError, StageError, did_you_mean
from harness.base.installation import DEFAULT, Installation, Installer
from harness.base.resources import ObjectName, Resource
from harness.base.vocabulary import ROOT_NAMESPACE, Mesh, Workload

__all__ = [
    "DEFAULT", "ROOT_NAMESPACE", "HarnessError", "InputError", "Installation", "Installer", "Mesh",
    "MissingError", "ObjectName", "Resource", "StageError", "Workload", "did_you_mean",
]  # fmt: skip

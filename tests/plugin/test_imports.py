"""The harness's modules are imported as they are written; a user's tests are still rewritten by pytest."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder, SourceFileLoader

import harness.model
from harness.plugin.imports import AsWritten


def test_only_tests_are_rewritten():
    assert isinstance(harness.model.__loader__, SourceFileLoader)
    assert type(__loader__).__name__ == "AssertionRewritingHook"


def test_other_packages_and_the_package_itself_are_left_to_others():
    finder = AsWritten("email")
    assert finder.find_spec("json.decoder") is None
    assert finder.find_spec("emails.message") is None
    assert finder.find_spec("email") is None
    path = sys.modules["email"].__path__
    assert finder.find_spec("email.message", path) == PathFinder.find_spec("email.message", path)

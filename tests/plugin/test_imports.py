"""The harness's modules are imported as they are written; a user's tests are still rewritten by pytest."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

from harness.plugin.imports import AsWritten


def test_other_packages_and_the_package_itself_are_left_to_others():
    finder = AsWritten("email")
    assert finder.find_spec("json.decoder") is None
    assert finder.find_spec("emails.message") is None
    assert finder.find_spec("email") is None
    assert finder.find_spec("email.message", sys.modules["email"].__path__) == PathFinder.find_spec(
        "email.message", sys.modules["email"].__path__
    )


def test_only_a_users_tests_are_rewritten(pytester):
    pytester.makepyfile(
        """
        import harness.model

        def test_loaders():
            assert type(harness.model.__loader__).__name__ == "SourceFileLoader"
            assert type(__loader__).__name__ == "AssertionRewritingHook"
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)

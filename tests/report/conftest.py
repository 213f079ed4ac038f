from __future__ import annotations

import pytest

from tests.plugin.test_plugin import CANARY, INI, SCENARIO
from tests.shop import APP


@pytest.fixture
def shop(pytester: pytest.Pytester) -> pytest.Pytester:
    """A scenario of two stages, with three expectations that hold and one that fails."""
    pytester.makeini(INI)
    apps = "".join(APP.replace("NAME", name) for name in ("web", "web2", "client"))
    for file, text in {
        "manifests/shop/apps.yaml": apps,
        "configs/shop/canary.yaml": CANARY,
        "scenarios/canary.yaml": SCENARIO,
    }.items():
        path = pytester.path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return pytester

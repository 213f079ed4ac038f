import gc
import os

from harness.plugin.imports import import_as_written

import_as_written("hypothesis")  # a plugin, too

pytest_plugins = ["pytester"]

# A machine with a lab for real clusters says what it has by these variables; an explicit setting wins.
LAB = {
    "HARNESS_NODE_IMAGE": "LAB_NODE_IMAGE",
    "HARNESS_ISTIO_CONFIG": "LAB_ISTIO_CONFIG",
    "HARNESS_GATEWAY_API_CRDS": "LAB_GATEWAY_API_CRDS",
    "HARNESS_LOAD_IMAGE": "LAB_IMAGES",
}
for setting, offer in LAB.items():
    if offer in os.environ:
        os.environ.setdefault(setting, os.environ[offer])


def pytest_collection_finish() -> None:
    """Thousands of tests and what they import stay to the end: looking for garbage among them is in vain."""
    gc.collect()
    gc.freeze()

"""Who asks for a proxy: labels and annotations in, a mesh's answer out."""

import pytest

from harness.api import marks
from harness.base.vocabulary import Mesh

ISTIO, LINKERD = Mesh.ISTIO, Mesh.LINKERD


@pytest.mark.parametrize(
    ("labels", "annotations", "asked"),
    [
        ({}, {}, set()),
        ({"istio-injection": "enabled"}, {}, {ISTIO}),
        ({"istio-injection": "disabled"}, {}, set()),
        ({"istio.io/rev": "canary"}, {}, {ISTIO}),
        # Istio's webhooks of revisions leave out namespaces that have the other label, whatever it says.
        ({"istio.io/rev": "canary", "istio-injection": "disabled"}, {}, set()),
        ({"istio.io/rev": "canary", "istio-injection": "true"}, {}, set()),
        ({"istio.io/rev": "canary", "istio-injection": "enabled"}, {}, {ISTIO}),
        ({}, {"istio-injection": "enabled"}, set()),
        ({}, {"linkerd.io/inject": "enabled"}, {LINKERD}),
        ({}, {"linkerd.io/inject": "ingress"}, {LINKERD}),
        ({}, {"linkerd.io/inject": "disabled"}, set()),
        ({"linkerd.io/inject": "enabled"}, {}, set()),
        ({"istio-injection": "enabled"}, {"linkerd.io/inject": "enabled"}, {ISTIO, LINKERD}),
    ],
)
def test_namespaces(labels, annotations, asked):
    assert {mesh for mesh in Mesh if marks.asks(mesh, labels, annotations)} == asked


@pytest.mark.parametrize(
    ("labels", "annotations", "istio", "linkerd"),
    [
        ({}, {}, None, None),
        ({"sidecar.istio.io/inject": "true"}, {}, True, None),
        ({"sidecar.istio.io/inject": "false"}, {}, False, None),
        ({"sidecar.istio.io/inject": "yes"}, {}, None, None),
        ({}, {"sidecar.istio.io/inject": "true"}, None, None),
        ({}, {"sidecar.istio.io/inject": "false"}, False, None),
        ({"sidecar.istio.io/inject": "true"}, {"sidecar.istio.io/inject": "false"}, True, None),
        ({}, {"linkerd.io/inject": "enabled"}, None, True),
        ({}, {"linkerd.io/inject": "ingress"}, None, True),
        ({}, {"linkerd.io/inject": "disabled"}, None, False),
        ({}, {"linkerd.io/inject": "maybe"}, None, None),
        ({"linkerd.io/inject": "disabled"}, {}, None, None),
    ],
)
def test_pods(labels, annotations, istio, linkerd):
    assert marks.choice(ISTIO, labels, annotations) is istio
    assert marks.choice(LINKERD, labels, annotations) is linkerd

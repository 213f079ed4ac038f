"""What Kubernetes, Istio, Linkerd and Gateway API do with a request, decided in process.

`State` is a cluster's state; `load(paths)` makes one of manifests as a cluster would after
`kubectl apply`, with the meshes that they use installed (reading files is its only effect), and
`State().install(mesh).apply(resources)` step by step. `State.decide(request)` gives the exact
distribution of outcomes, each with the resources and fields that led there. `Refused` is what
the API server or a webhook says to an object that it won't take.

    state = load([Path("shop.yaml")])
    outcomes = state.decide(Request(Workload("shop", "cart"), "http://prices/"))
"""

from __future__ import annotations

from harness.model.loading import load
from harness.model.refusal import Refused
from harness.model.state import State

__all__ = ["Refused", "State", "load"]

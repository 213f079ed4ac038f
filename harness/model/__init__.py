"""What Kubernetes, Istio, Linkerd and Gateway API do with a request, decided in process.

`Model` is made of manifests, or of what a live cluster holds; it doesn't change, and deciding is pure.
A `Decision` is the exact distribution of answers, each with the resources and fields that led there.

    model = Model.from_files("shop/")
    decision = model.decide(Request(Workload("shop", "cart"), "http://prices/"))

Beneath it, a `State` is a cluster at one moment, a value. `load(paths)` makes one of manifests, `changes`
makes others of it (`changes.apply(state, resources)`), and `decide.decide(state, request)` asks it.
`Refused` is what the API server or a webhook says to an object that it won't take.
"""

from __future__ import annotations

from harness.api.refusal import Refused
from harness.model.changes.loading import load
from harness.model.model import Answer, Decision, Model, Transport
from harness.model.state import State

__all__ = ["Answer", "Decision", "Model", "Refused", "State", "Transport", "load"]

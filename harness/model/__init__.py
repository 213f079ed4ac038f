"""What Kubernetes, Istio, Linkerd and Gateway API do with a request, decided in process.

`State` is a cluster's state; `State.decide(request)` gives the exact distribution of outcomes, each
with the resources and fields that led there. `Refused` is what the API server or a webhook says
to an object that it won't take.
"""

from __future__ import annotations

from harness.model.refusal import Refused
from harness.model.state import State

__all__ = ["Refused", "State"]

"""Estates as a user's files hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_APP = """\
apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{app: {app}, version: {version}}}}}
  template:
    metadata: {{labels: {{app: {app}, version: {version}}}}}
    spec:
      serviceAccountName: {app}
      containers:
      - {{name: {app}, image: "{image}", ports: [{{containerPort: {port}}}], env: [{env}]}}
---
"""
_SERVICE = """\
apiVersion: v1
kind: Service
metadata: {{name: {app}, namespace: {namespace}}}
spec:
  selector: {{app: {app}}}
  ports: [{{name: {protocol}, port: {port}}}]
---
"""


def app(
    name: str,
    *versions: str,
    image: str = "any/{app}:1",
    port: int = 80,
    calls: tuple[str, ...] = (),
    protocol: str = "http",
) -> str:
    """A Service, and a Deployment for each version, which is told whom to call."""
    namespace, _, short = name.partition("/")
    env = ", ".join(f"{{name: SERVICE_{i}_URL, value: 'http://{one}'}}" for i, one in enumerate(calls))
    found = _SERVICE.format(app=short, namespace=namespace, port=port, protocol=protocol)
    for version in versions or ("v1",):
        found += _APP.format(
            name=f"{short}-{version}" if versions else short,
            namespace=namespace,
            app=short,
            version=version,
            image=image.format(app=short, version=version),
            port=port,
            env=env,
        )
    return found


SHOP = (
    app("shop/web", calls=("cart", "prices"))
    + app("shop/cart", calls=("prices",))
    + app("shop/prices", "v1", "v2")
)
"""web calls cart, both call prices, of which there are two versions."""

SUBSETS = """\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: prices, namespace: shop}
spec:
  host: prices
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
"""

_BOOKS = "docker.io/istio/examples-bookinfo-{app}-{version}:1.20.3"

BOOKS = (
    "{apiVersion: v1, kind: Namespace, metadata: {name: books, labels: {istio-injection: enabled}}}\n---\n"
    + app("books/productpage", "v1", image=_BOOKS, port=9080, calls=("details:9080", "reviews:9080"))
    + app("books/details", "v1", image=_BOOKS, port=9080)
    + app("books/reviews", "v1", "v2", "v3", image=_BOOKS, port=9080, calls=("ratings:9080",))
    + app("books/ratings", "v1", image=_BOOKS, port=9080)
)
"""Istio's sample, with what its programs call in their environment."""

BOOKS_CONFIG = """\
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: books, namespace: books}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [books.example]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: books, namespace: books}
spec:
  hosts: [books.example]
  gateways: [books]
  http:
  - match: [{uri: {exact: /productpage}}]
    route: [{destination: {host: productpage, port: {number: 9080}}}]
  - match: [{uri: {exact: /old}}]
    redirect: {uri: /productpage}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: books}
spec:
  host: reviews
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: books}
spec:
  hosts: [reviews]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    timeout: 3s
    route: [{destination: {host: reviews, subset: v2}}]
  - route:
    - {destination: {host: reviews, subset: v1}, weight: 75}
    - {destination: {host: reviews, subset: v3}, weight: 25}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: books}
spec:
  hosts: [ratings]
  http:
  - match: [{headers: {end-user: {exact: jason}}}]
    fault: {delay: {fixedDelay: 2s, percentage: {value: 50}}}
    route: [{destination: {host: ratings}}]
  - match: [{headers: {end-user: {exact: mallory}}}]
    fault: {abort: {httpStatus: 500, percentage: {value: 20}}}
    route: [{destination: {host: ratings}}]
  - route: [{destination: {host: ratings}}]
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: books}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: details, namespace: books}
spec:
  selector: {matchLabels: {app: details}}
  rules:
  - from: [{source: {principals: [cluster.local/ns/books/sa/productpage]}}]
    to: [{operation: {methods: [GET]}}]
"""


def written(folder: Path, **files: str) -> list[str]:
    """Writes manifests (`apps`, `istio`…), and returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}.yaml" for name in files]
    for path, text in zip(paths, files.values(), strict=True):
        path.write_text(text)
    return list(map(str, paths))

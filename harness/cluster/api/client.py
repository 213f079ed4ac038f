"""A cluster's API, reached through a kubeconfig that belongs to the harness."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from urllib.parse import urlencode

import urllib3
from kubernetes.config import ConfigException, new_client_from_config, new_client_from_config_dict
from kubernetes.stream import ws_client
from websocket import WebSocketException

from harness.base import HarnessError, MissingError
from harness.cluster.api.kubeconfig import IN_CLUSTER, in_cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websocket import WebSocket

    from harness.cluster.api.shell import Shell

Json = dict[str, Any]
Body = Json | list[Json]
Query = Mapping[str, str | int | list[str]]

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
JSON_PATCH = "application/json-patch+json"
REQUEST_SECONDS = 60.0
UNREACHABLE = "Unreachable"
"""The reason of an ApiError where no server answered."""

_PAUSE_SECONDS = 1.0
_STARTING_SECONDS = 60.0  # after it was last found gone, that an API server may take to be itself again

logger = logging.getLogger(__name__)

# A watch that ends, and a pool that is full for a moment, are everyday events here.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


class Options(TypedDict, total=False):
    """What a request may have beside its method and path."""

    query: Query | None
    body: Body
    content_type: str
    accept: str


class ApiError(HarnessError):
    """What the API server answered instead of an object: HTTP status, reason, and its own words."""

    def __init__(self, status: int, reason: str, message: str, *, where: str = "") -> None:
        super().__init__(message, where=where)
        self.status = status
        self.reason = reason

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed a moment later (overload, a webhook not up yet)."""
        webhook_down = self.status == 500 and "failed calling webhook" in self.what
        return webhook_down or self.status in (0, 429, 502, 503, 504)


class Client:
    """Requests, watches and streams to one cluster's API; safe to share between threads.

    `kubeconfig` None is kubectl's own, and `context` None the current context: of the harness's own
    kubeconfigs alone. The context `in-cluster` is the cluster of this pod. `patience` is how long (seconds) a
    server that can't be reached, because it is being restarted, is asked again. `shells` are those that wait
    for a command, by namespace, pod and container. Raises MissingError for a context that isn't there.
    """

    def __init__(self, kubeconfig: Path | None, context: str | None = None) -> None:
        file = str(kubeconfig) if kubeconfig else None
        try:
            if context == IN_CLUSTER and kubeconfig is None:
                api = new_client_from_config_dict(in_cluster())  # type: ignore[no-untyped-call]
            else:
                api = new_client_from_config(  # type: ignore[no-untyped-call]
                    config_file=file, context=context, persist_config=False
                )
        except ConfigException as error:
            raise MissingError(
                f"the kubeconfig has no usable context {context}", where=file or "", why=str(error)
            ) from error
        self.patience = 0.0
        self.shells: dict[tuple[str, str, str], Shell] = {}
        self._lost: float | None = None
        self._configuration = api.configuration
        self._pool: urllib3.PoolManager = api.rest_client.pool_manager

    def get(self, path: str, query: Query | None = None) -> Json:
        """Returns the object or list at a path; raises ApiError."""
        return self.call("GET", path, query=query)

    def find(self, path: str) -> Json | None:
        """Returns the object at a path, or None where there is none."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, path: str, query: Query | None = None) -> list[Json]:
        items: list[Json] = self.get(path, query).get("items") or []
        return items

    def names(self, path: str) -> tuple[str, ...]:
        """Returns the names of a collection's objects, which the server then tells without the objects."""
        table = "application/json;as=Table;v=v1;g=meta.k8s.io"
        answer = json.loads(self.text("GET", path, query={"includeObject": "None"}, accept=table))
        return tuple(row["cells"][0] for row in answer["rows"])

    def patch(
        self, path: str, body: Json, *, content_type: str = MERGE_PATCH, query: Query | None = None
    ) -> Json:
        """Patches an object (by default a JSON merge patch) and returns it."""
        return self.call("PATCH", path, query=query, body=body, content_type=content_type)

    def call(self, method: str, path: str, **options: Unpack[Options]) -> Json:
        """Returns the API's answer to one request as an object; raises ApiError."""
        answer: Json = json.loads(self.text(method, path, **options))
        return answer

    def text(self, method: str, path: str, **options: Unpack[Options]) -> str:
        """Returns the body of the API's answer; raises ApiError.

        What can be asked twice is asked again for some time, if the server can't be reached.
        """
        content_type = options.get("content_type", "application/json")
        url = self._url(path, options.get("query"))
        accept = options.get("accept", "application/json, */*")
        headers = {**self._auth(), "Accept": accept, "Content-Type": content_type}
        start = time.monotonic()
        repeatable = method == "GET" or (method == "PATCH" and content_type != JSON_PATCH)
        patience = self.patience if repeatable else 0.0
        asked_again = False
        while True:
            try:
                answer = self._ask(method, url, options.get("body"), headers)
            except ApiError as error:
                if error.reason != UNREACHABLE or time.monotonic() - start > patience:
                    raise
                if not asked_again:
                    logger.warning("%s; it is asked again for %.0f s", error.what, patience)
                asked_again = True
                time.sleep(_PAUSE_SECONDS)
            else:
                if asked_again:
                    logger.warning("the API server answers again after %.1f s", time.monotonic() - start)
                return answer

    def _ask(self, method: str, url: str, body: Body | None, headers: dict[str, str]) -> str:
        try:
            response = self._pool.request(
                method,
                url,
                body=None if body is None else json.dumps(body),
                headers=headers,
                timeout=REQUEST_SECONDS,
            )
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None
        text = response.data.decode(errors="replace")
        if response.status >= 400:
            raise self._starting(_api_error(response.status, text))
        return text

    def _unreachable(self, error: Exception) -> ApiError:
        self._lost = time.monotonic()
        reason = getattr(error, "reason", None) or error  # what lies below urllib3's retries
        return ApiError(0, UNREACHABLE, f"the API server doesn't answer: {reason}")

    def _starting(self, error: ApiError) -> ApiError:
        """A server that has just come back doesn't know its roles yet, and forbids what it will allow."""
        lately = self._lost is not None and time.monotonic() - self._lost < _STARTING_SECONDS
        if error.status == 403 and lately:
            return ApiError(0, UNREACHABLE, f"the API server is starting: {error.what}")
        return error

    def watch(self, path: str, *, since: str, seconds: int, query: Query | None = None) -> Iterator[Json]:
        """Yields the changes of a collection after a resource version, for at most `seconds`."""
        options = {**(query or {}), "watch": "1", "resourceVersion": since, "timeoutSeconds": seconds}
        try:
            response = self._pool.request(
                "GET",
                self._url(path, options),
                headers={**self._auth(), "Accept": "application/json"},
                timeout=urllib3.Timeout(connect=10, read=seconds + 10),
                preload_content=False,
            )
            try:
                if response.status >= 400:
                    raise _api_error(response.status, response.data.decode(errors="replace"))
                pending = b""
                for chunk in response.stream(65536):
                    *lines, pending = (pending + chunk).split(b"\n")
                    for line in lines:
                        yield json.loads(line)
            finally:
                response.close()
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable(error) from None

    def websocket(self, path: str, query: Query) -> WebSocket:
        """Opens a stream (exec, port forward) in Kubernetes' v4 channel protocol; raises ApiError."""
        url = ws_client.get_websocket_url(self._url(path, query))  # type: ignore[no-untyped-call]
        try:
            socket: WebSocket = ws_client.create_websocket(  # type: ignore[no-untyped-call]
                self._configuration, url, {**self._auth(), "sec-websocket-protocol": "v4.channel.k8s.io"}
            )
        except WebSocketException as error:
            status = getattr(error, "status_code", 0)
            body = getattr(error, "resp_body", None) or b""
            raise _api_error(status, body.decode(errors="replace") or str(error)) from None
        except OSError as error:
            raise self._unreachable(error) from None
        return socket

    def close(self) -> None:
        for place in list(self.shells):
            self.shells.pop(place).close()
        self._pool.clear()

    def _url(self, path: str, query: Query | None) -> str:
        base = f"{self._configuration.host.rstrip('/')}{path}"
        if not query:
            return base
        return f"{base}{'&' if '?' in base else '?'}{urlencode(query, doseq=True)}"

    def _auth(self) -> dict[str, str]:
        return {
            setting["key"]: setting["value"]
            for setting in self._configuration.auth_settings().values()
            if setting["in"] == "header" and setting["value"]
        }


def _api_error(status: int, text: str) -> ApiError:
    try:
        answer = json.loads(text)
    except ValueError:
        return ApiError(status, "", text.strip() or f"HTTP {status}")
    return ApiError(status, answer.get("reason") or "", answer.get("message") or text)

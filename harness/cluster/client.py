"""A cluster's API, reached through a kubeconfig that belongs to the harness."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import urllib3
from kubernetes.config import new_client_from_config
from kubernetes.stream import ws_client
from websocket import WebSocketException

from harness.errors import HarnessError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from websocket import WebSocket

Json = dict[str, Any]
Query = Mapping[str, str | int | list[str]]

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
REQUEST_SECONDS = 60.0

# A watch that ends, and a pool that is full for a moment, are everyday events here.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


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
    """Requests, watches and streams to one cluster's API; safe to share between threads."""

    def __init__(self, kubeconfig: Path) -> None:
        api = new_client_from_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), persist_config=False
        )
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
        """Returns the objects of a collection."""
        items: list[Json] = self.get(path, query).get("items") or []
        return items

    def patch(
        self, path: str, body: Json, *, content_type: str = MERGE_PATCH, query: Query | None = None
    ) -> Json:
        """Patches an object (by default a JSON merge patch) and returns it."""
        return self.call("PATCH", path, query=query, body=body, content_type=content_type)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> Json:
        """Returns the API's answer to one request as an object; raises ApiError."""
        answer: Json = json.loads(self.text(method, path, query=query, body=body, content_type=content_type))
        return answer

    def text(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        content_type: str = "application/json",
    ) -> str:
        """Returns the body of the API's answer; raises ApiError."""
        try:
            response = self._pool.request(
                method,
                self._url(path, query),
                body=None if body is None else json.dumps(body),
                headers={**self._auth(), "Accept": "application/json, */*", "Content-Type": content_type},
                timeout=REQUEST_SECONDS,
            )
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(0, "Unreachable", f"the API server doesn't answer: {error}") from None
        text = response.data.decode(errors="replace")
        if response.status >= 400:
            raise _api_error(response.status, text)
        return text

    def watch(self, path: str, *, since: str, seconds: int, query: Query | None = None) -> Iterator[Json]:
        """Yields the changes of a collection after a resource version, for at most `seconds`."""
        asked = {**(query or {}), "watch": "1", "resourceVersion": since, "timeoutSeconds": seconds}
        try:
            response = self._pool.request(
                "GET",
                self._url(path, asked),
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
            raise ApiError(0, "Unreachable", f"the API server doesn't answer: {error}") from None

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
            raise ApiError(0, "Unreachable", f"the API server doesn't answer: {error}") from None
        return socket

    def close(self) -> None:
        """Closes the connections."""
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

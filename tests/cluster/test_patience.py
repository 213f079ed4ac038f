"""An API server that is being restarted."""

from __future__ import annotations

import logging
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import ClassVar

import pytest

from harness.cluster.api import client as module
from harness.cluster.api.client import JSON_PATCH, ApiError, Client

CONFIG = """
apiVersion: v1
kind: Config
current-context: live
contexts: [{{name: live, context: {{cluster: live, user: me}}}}]
clusters: [{{name: live, cluster: {{server: 'http://127.0.0.1:{port}'}}}}]
users: [{{name: me, user: {{}}}}]
"""


class Api(BaseHTTPRequestHandler):
    answers: ClassVar[list[int]] = []

    def do_GET(self):
        status = self.answers.pop(0) if self.answers else 200
        if status == 0:  # as a server that is killed
            self.connection.close()
            return
        self.send_response(status)
        self.end_headers()
        self.wfile.write(b"{}" if status == 200 else b'{"message": "pods is forbidden"}')

    do_POST = do_PATCH = do_GET  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.0)
    server = HTTPServer(("127.0.0.1", 0), Api)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    file = tmp_path / "config"
    file.write_text(CONFIG.format(port=server.server_port))
    made = Client(file)
    made.patience = 30.0
    yield made
    made.close()
    server.shutdown()
    server.server_close()


GONE = [0] * 4  # one request and urllib3's own three tries


def test_reading_outlasts_a_restart_which_is_told_once(client, caplog):
    Api.answers = [*GONE, *GONE, 403, 200]
    with caplog.at_level(logging.WARNING, logger=module.__name__):
        assert client.get("/api") == {}
    first, last = (record.message for record in caplog.records)
    assert first.startswith("the API server doesn't answer: ")
    assert last.startswith("the API server answers again after ")


@pytest.mark.parametrize(
    ("name", "answers", "method", "content_type", "patience", "words"),
    [
        ("what isn't safe to ask twice", GONE, "POST", "application/json", 30.0, "doesn't answer"),
        ("nor is a JSON patch", GONE, "PATCH", JSON_PATCH, 30.0, "doesn't answer"),
        ("no patience", GONE, "GET", "application/json", 0.0, "doesn't answer"),
        ("a role that isn't there", [403], "GET", "application/json", 30.0, "pods is forbidden"),
    ],
)
def test_what_isnt_asked_again(client, name, answers, method, content_type, patience, words):
    client.patience, Api.answers = patience, list(answers)
    with pytest.raises(ApiError, match=words):
        client.call(method, "/api", content_type=content_type)


def test_a_merge_patch_is_asked_again(client):
    Api.answers = list(GONE)
    assert client.patch("/api", {}) == {}


def test_patience_ends(client):
    client.patience, Api.answers = 0.2, [0] * 10_000
    start = time.monotonic()
    with pytest.raises(ApiError, match="doesn't answer"):
        client.get("/api")
    assert time.monotonic() - start < 5

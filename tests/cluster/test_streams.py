"""exec and port forward, by the frames of Kubernetes' v4 channel protocol."""

import json
import re
import subprocess

import pytest
from websocket import ABNF, WebSocketConnectionClosedException, WebSocketTimeoutException

from harness.base.errors import HarnessError
from harness.cluster.api import shell
from harness.cluster.api.streams import NOT_RUN, ExecInterruptedError, Finished, exchange, execute, get
from harness.cluster.api.waiting import Deadline
from tests.cluster.fakes import FakeClient

SUCCESS = b"\x03" + json.dumps({"status": "Success"}).encode()
EXIT_7 = b"\x03" + json.dumps(
    {"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "7"}]}}
).encode()  # fmt: skip
NO_SHELL = b"\x03" + json.dumps({"status": "Failure", "message": "no such file: sh"}).encode()
PORT = b"\x90\x1f"  # 8080, little endian


class Socket:
    def __init__(self, frames):
        self.frames, self.sent, self.connected, self.closed = list(frames), [], True, False

    def settimeout(self, seconds):
        assert seconds > 0

    def send(self, data, opcode):
        self.sent.append(data)

    def recv_data(self):
        frame = self.frames.pop(0) if self.frames else None
        if isinstance(frame, Exception):
            raise frame
        self.connected = frame is not None
        return (ABNF.OPCODE_BINARY, frame) if self.connected else (ABNF.OPCODE_CLOSE, b"")

    def close(self, timeout):
        self.closed = self.connected  # as websocket-client: what the other side closed it leaves open

    def shutdown(self):
        self.closed = True


class Streaming(FakeClient):
    def __init__(self, *frames):
        super().__init__()
        self.socket = Socket(frames)

    def websocket(self, path, query):
        self.asked = (path, query)
        return self.socket


def run(*frames):
    client = Streaming(*frames)
    try:
        return execute(client, "shop", "web-1", "app", ["sh", "-c", "x"], Deadline(5))
    finally:
        assert client.socket.closed
        assert client.asked[0] == "/api/v1/namespaces/shop/pods/web-1/exec"


@pytest.mark.parametrize(
    ("name", "frames", "finished"),
    [
        (
            "both streams",
            [b"\x01", b"\x01out", b"\x02err", b"\x01put", SUCCESS],
            Finished(0, "output", "err"),
        ),
        ("a character across frames", [b"\x01\xc3", b"\x01\xa4", SUCCESS], Finished(0, "ä", "")),
        ("fails", [EXIT_7], Finished(7, "", "")),
        ("can't be run", [NO_SHELL], Finished(NOT_RUN, "", "no such file: sh")),
    ],
)
def test_exec(name, frames, finished):
    assert run(*frames) == finished


@pytest.mark.parametrize(
    ("name", "frames", "error"),
    [
        ("closed early", [b"\x01half"], ExecInterruptedError),
        ("broken", [WebSocketConnectionClosedException("lost")], ExecInterruptedError),
        ("too slow", [b"\x01half", WebSocketTimeoutException()], HarnessError),
    ],
)
def test_exec_that_doesnt_end_well(name, frames, error):
    with pytest.raises(error) as caught:
        run(*frames)
    assert type(caught.value) is error
    assert "Pod shop/web-1, container app" in str(caught.value)


def test_port_forward():
    client = Streaming(b"\x00" + PORT, b"\x01" + PORT, b"\x00HTTP/1.1 2", b"\x0000 OK\r\n")
    found = exchange(client, "shop", "web-1", 8080, b"hello", lambda got: b"\n" in got, Deadline(5))
    assert found == b"HTTP/1.1 200 OK\r\n"
    assert client.socket.sent == [b"\x00hello"]


@pytest.mark.parametrize(
    ("name", "frames", "words"),
    [
        ("refused", [b"\x00" + PORT, b"\x01" + PORT, b"\x01connection refused"], "connection refused"),
        ("closed", [b"\x00" + PORT, b"\x01" + PORT], "the connection was closed"),
        ("silent", [WebSocketTimeoutException("timed out")], "timed out"),
    ],
)
def test_port_forward_without_answer(name, frames, words):
    with pytest.raises(HarnessError, match=words):
        exchange(Streaming(*frames), "shop", "web-1", 8080, b"hello", lambda got: b"\n" in got, Deadline(5))


@pytest.mark.parametrize(
    ("name", "answer", "body"),
    [
        ("one chunk", b"HTTP/1.1 200 OK\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("two chunks", b"HTTP/1.1 200 OK\r\n\r\n5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
        ("empty", b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n\r\n0\r\n\r\n", ""),
    ],
)
def test_admin_answers(name, answer, body):
    client = Streaming(b"\x00" + PORT, b"\x00" + answer)
    assert get(client, "shop", "web-1", 15000, "/x", Deadline(5)) == body


def test_admin_refuses():
    client = Streaming(b"\x00" + PORT, b"\x00HTTP/1.1 404 Not Found\r\n\r\n1\r\nx\r\n0\r\n\r\n")
    with pytest.raises(HarnessError, match="404 Not Found"):
        get(client, "shop", "web-1", 15000, "/x", Deadline(5))


class ShellSocket(Socket):
    """A shell's exec: of each job it is given it answers with the next script of frames, MARK being the job's."""

    def __init__(self, *jobs):
        super().__init__(())
        self.jobs = list(jobs)

    def send(self, data, opcode):
        super().send(data, opcode)
        if not self.jobs:
            raise WebSocketConnectionClosedException("gone")
        mark = re.search(rb"echo '(--\w+) begun", data)[1]
        job = self.jobs.pop(0)
        self.frames += [each.replace(b"MARK", mark) if isinstance(each, bytes) else each for each in job]


class Shells(FakeClient):
    def __init__(self, *sockets):
        super().__init__()
        self.shells, self.sockets, self.opened = {}, list(sockets), 0

    def websocket(self, path, query):
        self.opened += 1
        return self.sockets.pop(0)

    def run(self, *argv):
        return shell.execute(self, "shop", "web-1", "app", argv, Deadline(5))


def job(stdout=b"", stderr=b"", code=0):
    return [b"\x01", b"\x01MARK begun\n" + stdout[:3], b"\x01" + stdout[3:] + b"\nMARK %d\n" % code,
            b"\x02" + stderr + b"\nMARK\n"]  # fmt: skip


def test_a_shell_runs_one_command_after_another():
    client = Shells(ShellSocket(job(b"out\nput\n", b"err"), job(code=7)))
    assert client.run("echo", "it's") == Finished(0, "out\nput\n", "err")
    assert client.run("false") == Finished(7, "", "")
    assert client.opened == 1
    [shell_kept] = client.shells.values()
    assert b"echo 'it'\"'\"'s' </dev/null; " in shell_kept._socket.sent[0]


def test_two_commands_at_once_get_a_shell_each():
    first, second = ShellSocket(job(b"1")), ShellSocket(job(b"2"))
    client = Shells(first, second)
    kept = {}

    class Busy(dict):
        def pop(self, key, default=None):
            return default  # somebody else has it

        def setdefault(self, key, value):
            return kept.setdefault(key, value)

    client.shells = Busy()
    assert [client.run("x").stdout, client.run("x").stdout] == ["1", "2"]
    assert (first.closed, second.closed) == (False, True)


class RealShell(Socket):
    """An exec of this machine's sh."""

    def send(self, data, opcode):
        done = subprocess.run(["sh"], input=data[1:], capture_output=True, check=False)
        self.frames += [b"\x01" + done.stdout[:10], b"\x01" + done.stdout[10:], b"\x02" + done.stderr]


def test_a_real_shell_tells_that_a_command_began_and_how_it_ended():
    client = Shells(RealShell(()))
    assert client.run("sh", "-c", "cat; echo out; echo err >&2; exit 3") == Finished(3, "out\n", "err\n")
    with pytest.raises(ExecInterruptedError, match="the container went away while the command ran"):
        client.run("sh", "-c", "kill $PPID")


LOST = WebSocketConnectionClosedException("lost")


@pytest.mark.parametrize(
    ("name", "ends"), [("before it is told", ()), ("before it begins", ([],)), ("by an error", ([LOST],))]
)
def test_a_shell_that_ended_meanwhile_is_replaced(name, ends):
    first = ShellSocket(job(b"1"), *ends)
    client = Shells(first, ShellSocket(job(b"2")))
    assert [client.run("x").stdout, client.run("x").stdout] == ["1", "2"]
    assert first.closed


@pytest.mark.parametrize(
    ("name", "frames", "error", "words"),
    [
        ("closed early", [b"\x01MARK begun\nhalf"], ExecInterruptedError, "the container went away"),
        ("broken", [b"\x01MARK begun\nhalf", LOST], ExecInterruptedError, "broke: lost"),
        ("never begun", [], ExecInterruptedError, "the container went away"),
        (
            "too slow",
            [b"\x01MARK begun\n", WebSocketTimeoutException()],
            HarnessError,
            "`x` didn't end within 5 s",
        ),
    ],
)
def test_a_command_that_does_not_end_well(name, frames, error, words):
    socket = ShellSocket(frames)
    client = Shells(socket)
    with pytest.raises(error, match=words) as caught:
        client.run("x")
    assert type(caught.value) is error
    assert "Pod shop/web-1, container app" in str(caught.value)
    assert socket.closed
    assert not client.shells

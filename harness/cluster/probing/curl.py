"""How many requests are sent, or connections made, by one exec: a shell script that runs curl in a pod."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urldefrag

from harness.cluster.probing.answers import FAILURES
from harness.traffic.outcomes import Failure, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from harness.cluster.probing.answers import CurlAnswer
    from harness.traffic.request import Request

OLDEST = (7, 84)
"""The first curl whose --write-out has header_json and errormsg in working order."""

REUSES_H2C = (8, 0)
"""The first curl that can reuse a connection made with --http2-prior-knowledge [curl: changes of 8.0.0]."""

EXEMPT_UIDS = frozenset((1337, 2102))
"""Users whose traffic goes round the proxy: Istio's and Linkerd's own."""

# A scratch directory on disk, or in memory where the root file system is read-only.
SCRATCH = "d=$(mktemp -d 2>/dev/null || mktemp -d -p /dev/shm)"

CHECK = ("sh", "-c", f'id -u; curl -q --version; {SCRATCH} && rmdir "$d"')

# Arguments: a job for each parallel client (KxN: K requests over one connection, N times), the
# URL, then curl's own arguments. The range that makes K requests stands in the URL's fragment,
# which is never sent, so that all requests are equal. stdin is an empty gRPC message.
SCRIPT = f"""
jobs=$1 url=$2; shift 2
{SCRATCH} || exit 1
trap 'rm -rf "$d"' EXIT
client=0
for job in $jobs; do
  client=$((client + 1))
  (
    round=0
    while [ "$round" -lt "${{job#*x}}" ]; do
      round=$((round + 1))
      printf '\\0\\0\\0\\0\\0' | curl "$@" "$url#[1-${{job%x*}}]" 2>>"$d/errors"
    done
  ) >"$d/$client" &
done
wait
while [ "$client" -gt 0 ]; do cat "$d/$client"; client=$((client - 1)); done
cat "$d/errors" >&2
exit 0
"""

LINE = "harness\r\n"
"""What is sent: a protocol's detection needs a line to tell that it isn't HTTP."""

WAIT_SECONDS = 5
"""How long a server's answer is waited for."""

SILENT = "connected, and no answer"
"""The detail of a connection that stays open, and over which nothing comes."""

_TIMED_OUT = 28  # curl's exit code
_OWN_WORDS = ("server: envoy", "server: istio-envoy", "l5d-proxy-error")

_FIELDS = "%{exitcode} %{http_code} %{time_connect} %{errormsg}"


@dataclass(frozen=True)
class Curl:
    """A container in which curl can be run, and what this curl can do."""

    pod: str
    container: str
    version: tuple[int, ...]


def usable(stdout: str) -> tuple[int, ...] | None:
    """Reads what CHECK printed: curl's version if it can send probes from there, else None."""
    uid, _, rest = stdout.partition("\n")
    words = rest.split()
    if len(words) < 2 or words[0] != "curl" or not uid.isdigit() or int(uid) in EXEMPT_UIDS:
        return None
    version = tuple(int(part) for part in words[1].split(".") if part.isdigit())
    return version if version >= OLDEST else None


def command(
    request: Request,
    count: int,
    *,
    version: tuple[int, ...],
    parallel: int,
    seconds: float,
    mark: str,
    message: bool = True,
) -> list[str]:
    """Returns the argv that sends `count` equal requests and prints each answer between `mark`s.

    At most `parallel` clients at once; each request may take `seconds`. Without `message` a gRPC
    call ends with its headers.
    """
    single = request.new_connection or (request.grpc and version < REUSES_H2C)
    jobs = [f"1x{share}" if single else f"{share}x1" for share in shares(count, parallel)]
    report = f"{mark} %{{exitcode}} %{{http_code}} %{{time_total}} %{{errormsg}}\\n%{{header_json}}"
    return script(jobs, url_of(request), arguments(request, seconds, message=message), report, mark)


def shares(count: int, parallel: int) -> list[int]:
    """Returns how many requests each of at most `parallel` clients sends."""
    clients = min(parallel, count)
    return [count // clients + (index < count % clients) for index in range(clients)]


def script(jobs: Iterable[str], url: str, arguments: Iterable[str], report: str, mark: str) -> list[str]:
    """Returns the argv that does these jobs; the report on each answer stands between `mark`s."""
    printed = f"\\n{report}\\n{mark}.\\n"
    return ["sh", "-c", SCRIPT, "probe", " ".join(jobs), url, *arguments, "-w", printed]


def url_of(request: Request) -> str:
    """Returns a request's URL as curl takes it."""
    plain = urldefrag(request.url).url
    # What curl's globbing would expand is taken literally.
    url = "".join(f"\\{character}" if character in "[]{}\\" else character for character in plain)
    return f"http{url.removeprefix('grpc')}" if request.grpc else url


def arguments(request: Request, seconds: float, *, message: bool = True) -> list[str]:
    """Returns curl's arguments for a request, but its URL and what is told of the answer."""
    argv = ["-q", "-s", "--path-as-is", "--noproxy", "*", "--max-time", f"{seconds:g}"]
    if request.tls:
        argv += ["--insecure"]  # what is probed is where it goes, not who signed the server's certificate
    if request.grpc:
        argv += ["--http2-prior-knowledge", "-D", "-"]
        argv += ["--data-binary", "@-"] if message else ["-X", "POST"]
        argv += ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    elif request.method == "HEAD":
        argv += ["--head", "-o", "/dev/null"]
    else:
        argv += ["-X", request.method]
    for name, value in request.headers:
        argv += ["-H", f"{name}: {value}" if value else f"{name};"]
    return argv


def connecting(request: Request, count: int, *, parallel: int, mark: str) -> list[str]:
    """Returns the argv that makes `count` connections and prints what came over each between `mark`s.

    Of all that curl speaks Gopher is a line and nothing else, and ends as soon as the server closes.
    """
    host = f"[{request.host}]" if ":" in request.host else request.host
    url = f"gopher://{host}:{request.port}/_{LINE.strip()}"
    flags = ["-q", "-s", "--noproxy", "*", "--max-time", str(WAIT_SECONDS)]
    jobs = [f"1x{share}" for share in shares(count, parallel)]
    return script(jobs, url, flags, f"{mark} {_FIELDS}\\n{{}}", mark)


def connected(answer: CurlAnswer) -> Outcome:
    """Returns what a connection came to; `seconds` is the time until it stood.

    Bytes from the server show that it got through; a proxy that answers in HTTP has closed it.
    """
    if answer.body.strip():
        if any(words in answer.body.lower() for words in _OWN_WORDS):
            return Outcome(
                failure=Failure.EMPTY_REPLY, detail="a proxy refuses what isn't HTTP", body=answer.body
            )
        return Outcome(connected=True, body=answer.body, seconds=answer.seconds)
    if answer.exit_code == _TIMED_OUT and answer.seconds:
        return Outcome(connected=True, detail=SILENT, seconds=answer.seconds)
    if not answer.exit_code:
        return Outcome(failure=Failure.EMPTY_REPLY, detail="connected, then closed without a word")
    unresolved = answer.error.startswith("Resolving")  # in time: curl calls that a time-out
    return Outcome(
        failure=Failure.RESOLVE if unresolved else FAILURES.get(answer.exit_code, Failure.OTHER),
        detail=f"{answer.error or 'failed'} (curl {answer.exit_code})",
    )

"""What applications have in common."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.base.durations import seconds
from harness.base.errors import NotModelledError
from harness.base.matching import query_values
from harness.model.distribution import certain
from harness.model.message import Answers, Arrival
from harness.traffic.outcomes import Failure, Outcome, ServerSaw
from harness.traffic.request import Request

if TYPE_CHECKING:
    from harness.api.headers import Headers
    from harness.model.message import Message
    from harness.model.state import Pod, RunningContainer

Send = Callable[[Request], Answers]


@dataclass(frozen=True)
class AppRequest:
    """A request that reached an application, and the way to send requests of its own."""

    pod: Pod
    container: RunningContainer
    arrival: Arrival
    send: Send

    @property
    def message(self) -> Message:
        """The request as it arrived."""
        return self.arrival.message

    def outcome(
        self,
        status: int = 200,
        body: str | None = None,
        headers: Headers = (),
        *,
        seconds: float = 0.0,
        grpc_status: int | None = None,
    ) -> Outcome:
        """Returns this application's answer, with what it saw of the request."""
        message = self.message
        return Outcome(
            status=status,
            backend=self.pod.workload,
            headers=headers,
            body=body,
            seconds=seconds,
            grpc_status=grpc_status,
            server_saw=ServerSaw(message.target, message.authority, message.headers),
        )

    def parameter(self, name: str) -> str | None:
        """Returns the first value of a query parameter, None without any."""
        return next(iter(query_values(self.message.query, name)), None)

    @property
    def delay(self) -> float:
        """The seconds that `?delay=1s` asks to wait."""
        return seconds(self.parameter("delay") or "") or 0.0

    def onward(self, url: str, headers: Headers) -> Request:
        """Returns a request of the application's own; NotModelledError for a URL that it can't send to."""
        try:
            return Request(self.pod.workload, url, headers=headers)
        except ValueError as error:
            raise self.not_modelled(f"a request to {url!r}") from error

    def arguments(self, flag: str) -> list[str]:
        """Returns the values that the container's arguments give a flag: `--flag=value`, or as two words."""
        return arguments(self.container, flag)

    def not_modelled(self, what: str, known: str = "") -> NotModelledError:
        """Returns the error for a request whose answer the model doesn't know; `known` are those it does."""
        return NotModelledError(
            f"{what} isn't modelled",
            where=f"{self.container.image} of {self.pod.workload}",
            why=f"of this application the model knows {known}" if known else "",
            todo=f"{'ask for one of these, or ' if known else ''}judge it on a cluster",
        )


@dataclass(frozen=True)
class App:
    """An application: the ports that it listens on (None: whichever it is told), and what it answers."""

    ports: tuple[int, ...] | None
    answer: Callable[[AppRequest], Answers]
    stands_in: bool = False
    """Whether it stands for any application: then nothing else is known of it."""
    tls_ports: Callable[[RunningContainer], Collection[str]] = lambda _: ()
    """Those on which it speaks TLS itself."""

    def speaks_tls(self, container: RunningContainer, port: int) -> bool:
        """Returns whether it speaks TLS on a port."""
        return str(port) in self.tls_ports(container)


def arguments(container: RunningContainer, flag: str) -> list[str]:
    """Returns the values that a container's arguments give a flag: `--flag=value`, or as two words."""
    joined = [arg.partition("=")[2] for arg in container.args if arg.startswith(f"{flag}=")]
    return joined + [value for name, value in pairwise(container.args) if name == flag]


def answered(request: AppRequest) -> Answers:
    """Returns the plain 200 of an application about which nothing is known."""
    return certain(request.outcome(grpc_status=0 if request.message.grpc else None))


def http_only(request: AppRequest) -> None:
    """Raises NotModelledError for a gRPC call to an application that doesn't speak it."""
    if request.message.grpc:
        raise request.not_modelled("a gRPC call to an application that speaks plain HTTP")


def http_to_grpc(request: AppRequest) -> Answers:
    """Returns what HTTP/1 gets from a server of gRPC only: ends as HTTP/0.9, or 500 by a proxy on its way."""
    if request.pod.mesh is None and request.arrival.client.mesh is None:
        return certain(Outcome(failure=Failure.HTTP09))
    return certain(Outcome(status=500, body=""))


def canonical(name: str) -> str:
    """Returns a header's name as Go writes it: `X-Request-Id`."""
    return "-".join(part.capitalize() for part in name.split("-"))

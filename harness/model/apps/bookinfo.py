"""Istio's Bookinfo: productpage asks details and reviews, reviews (but v1) asks ratings.

What the reviewers write is told as <text>.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.model.apps.base import App, AppRequest, http_only
from harness.model.distribution import Branches, certain, mapped, shares, then

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.model.message import Answers
    from harness.traffic.outcomes import Outcome

_JSON = (("content-type", "application/json"),)
_FORWARDED = ("end-user", "user-agent", "cookie", "authorization", "jwt")
_STARS = {"Reviewer1": 5, "Reviewer2": 4}
_BOOK = {
    "author": "William Shakespeare",
    "year": 1595,
    "type": "paperback",
    "pages": 200,
    "publisher": "PublisherA",
    "language": "English",
    "ISBN-10": "1234567890",
    "ISBN-13": "123-1234567890",
}
_PATIENCE = 3.0  # of productpage, in seconds


@dataclass(frozen=True)
class Reply:
    """What another service told, as JSON; `data` is None where it failed or took too long."""

    status: int
    data: str | None
    seconds: float


def _ask(request: AppRequest, service: str, book: str, patience: float) -> Branches[Reply]:
    env, name = request.container.env, service.upper()
    domain = f".{env['SERVICES_DOMAIN']}" if env.get("SERVICES_DOMAIN") else ""
    place = f"{env.get(f'{name}_HOSTNAME', service)}{domain}:{env.get(f'{name}_SERVICE_PORT', '9080')}"
    headers = tuple(header for header in request.message.headers if header[0] in _FORWARDED)

    def read(outcome: Outcome) -> Reply:
        if outcome.status is None or outcome.seconds > patience:
            return Reply(500, None, min(outcome.seconds, patience))
        return Reply(outcome.status, outcome.body if outcome.status == 200 else None, outcome.seconds)

    return mapped(request.send(request.onward(f"http://{place}/{service}/{book}", headers)), read)


def _reply(request: AppRequest, data: object, status: int = 200, seconds: float = 0.0) -> Outcome:
    return request.outcome(status, json.dumps(data), _JSON, seconds=seconds)


def _about_book(request: AppRequest, name: str, answer: Callable[[str], Answers]) -> Answers:
    """What a service says of the book that the path names, or of its own health."""
    http_only(request)
    path = request.message.path
    if path == "/health":
        return certain(_reply(request, {"status": f"{name.capitalize()} is healthy"}))
    book = re.fullmatch(f"/{name}/([0-9]+)", path)
    if book is None or request.message.method != "GET":
        what = f"{request.message.method} {path} to Bookinfo's {name}"
        raise request.not_modelled(what, f"GET /{name}/NUMBER and /health")
    return answer(book[1])


def details(request: AppRequest) -> Answers:
    """Returns what details knows of a book."""
    if request.container.env.get("ENABLE_EXTERNAL_BOOK_SERVICE") == "true":
        raise request.not_modelled("details that asks a service outside of the cluster")
    return _about_book(request, "details", lambda book: certain(_reply(request, {"id": int(book), **_BOOK})))


def ratings(request: AppRequest) -> Answers:
    """Returns a book's stars; of SERVICE_VERSION v-faulty half fail, of v-delayed half take 7 s."""

    def answer(book: str) -> Answers:
        stars = _reply(request, {"id": int(book), "ratings": _STARS})
        match request.container.env.get("SERVICE_VERSION", "v1"):
            case "v1":
                return certain(stars)
            case "v-faulty":
                failed = _reply(request, {"error": "Service unavailable"}, 503)
                return shares(((1, failed, ()), (1, stars, ())))
            case "v-delayed":
                return shares(((1, replace(stars, seconds=7.0), ()), (1, stars, ())))
            case version:
                raise request.not_modelled(f"Bookinfo's ratings {version}")

    return _about_book(request, "ratings", answer)


def _reviews(color: str) -> Callable[[AppRequest], Answers]:
    """A version of reviews: that of which color it shows stars, without a color none."""
    patience = 10.0 if color == "black" else 2.5

    def shown(request: AppRequest, book: str, ratings: Reply | None) -> Outcome:
        stars = json.loads(ratings.data).get("ratings", {}) if ratings and ratings.data else {}
        reviews: list[dict[str, Any]] = [{"reviewer": name, "text": "<text>"} for name in _STARS]
        for review in reviews if color else ():
            rating = stars.get(review["reviewer"])
            error = {"error": "Ratings service is currently unavailable"}
            review["rating"] = error if rating is None else {"stars": rating, "color": color}
        data = {"id": book, "podname": request.pod.name, "clustername": "null", "reviews": reviews}
        return _reply(request, data, seconds=ratings.seconds if ratings else 0.0)

    def answer(request: AppRequest, book: str) -> Answers:
        if not color:
            return certain(shown(request, book, None))
        return mapped(_ask(request, "ratings", book, patience), lambda ratings: shown(request, book, ratings))

    return lambda request: _about_book(request, "reviews", lambda book: answer(request, book))


def productpage(request: AppRequest) -> Answers:
    """Returns the page (its text isn't known), or what the API under /api/v1/products tells.

    The page is 200 whatever its services answer; it waits 3 s for each, and asks reviews twice if need be.
    """
    http_only(request)
    path = request.message.path
    html = (("content-type", "text/html; charset=utf-8"),)
    if path == "/productpage":

        def page(details: Reply) -> Answers:
            return mapped(
                _twice(request, "0"),
                lambda reviews: request.outcome(headers=html, seconds=details.seconds + reviews.seconds),
            )

        return then(_ask(request, "details", "0", _PATIENCE), page)
    part = re.fullmatch("/api/v1/products/([0-9]+)(/reviews|/ratings)?", path)
    if part is None:
        body = "Product page is healthy" if path == "/health" else None
        return certain(request.outcome(body=body, headers=html))
    what = (part[2] or "/details")[1:]

    def passed_on(reply: Reply) -> Outcome:
        if reply.data is not None:
            return request.outcome(200, reply.data, _JSON, seconds=reply.seconds)
        error = {"error": f"Sorry, product {what} are currently unavailable for this book."}
        return _reply(request, error, reply.status, reply.seconds)

    answers = _twice(request, part[1]) if what == "reviews" else _ask(request, what, part[1], _PATIENCE)
    return mapped(answers, passed_on)


def _twice(request: AppRequest, book: str) -> Branches[Reply]:
    """What reviews tell; they are asked once more if that fails."""

    def again(first: Reply) -> Branches[Reply]:
        if first.data is not None:
            return certain(first)
        second = _ask(request, "reviews", book, _PATIENCE)
        return mapped(second, lambda late: replace(late, seconds=first.seconds + late.seconds))

    return then(_ask(request, "reviews", book, _PATIENCE), again)


APPS = {
    f"examples-bookinfo-{name}": App((9080,), answer)
    for name, answer in {
        "details-v1": details,
        "ratings-v1": ratings,
        "productpage-v1": productpage,
        "reviews-v1": _reviews(""),
        "reviews-v2": _reviews("black"),
        "reviews-v3": _reviews("red"),
    }.items()
}

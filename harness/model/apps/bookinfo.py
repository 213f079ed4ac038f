"""Istio's Bookinfo: productpage asks details and reviews, reviews (but v1) asks ratings.

What the reviewers write is told as <text>.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.model.apps.base import App, Asked, http_only
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
class Found:
    """What another service told, as JSON; `data` is None where it failed or took too long."""

    status: int
    data: str | None
    seconds: float


def _ask(asked: Asked, service: str, book: str, patience: float) -> Branches[Found]:
    env, name = asked.container.env, service.upper()
    domain = f".{env['SERVICES_DOMAIN']}" if env.get("SERVICES_DOMAIN") else ""
    place = f"{env.get(f'{name}_HOSTNAME', service)}{domain}:{env.get(f'{name}_SERVICE_PORT', '9080')}"
    headers = tuple(header for header in asked.message.headers if header[0] in _FORWARDED)

    def found(outcome: Outcome) -> Found:
        if outcome.status is None or outcome.seconds > patience:
            return Found(500, None, min(outcome.seconds, patience))
        return Found(outcome.status, outcome.body if outcome.status == 200 else None, outcome.seconds)

    return mapped(asked.send(asked.onward(f"http://{place}/{service}/{book}", headers)), found)


def _reply(asked: Asked, data: object, status: int = 200, seconds: float = 0.0) -> Outcome:
    return asked.outcome(status, json.dumps(data), _JSON, seconds=seconds)


def _about_book(asked: Asked, name: str, answer: Callable[[str], Answers]) -> Answers:
    """What a service says of the book that the path names, or of its own health."""
    http_only(asked)
    path = asked.message.path
    if path == "/health":
        return certain(_reply(asked, {"status": f"{name.capitalize()} is healthy"}))
    book = re.fullmatch(f"/{name}/([0-9]+)", path)
    if book is None or asked.message.method != "GET":
        raise asked.not_modelled(f"{asked.message.method} {path} to Bookinfo's {name}")
    return answer(book[1])


def details(asked: Asked) -> Answers:
    """Returns what details knows of a book."""
    if asked.container.env.get("ENABLE_EXTERNAL_BOOK_SERVICE") == "true":
        raise asked.not_modelled("details that asks a service outside of the cluster")
    return _about_book(asked, "details", lambda book: certain(_reply(asked, {"id": int(book), **_BOOK})))


def ratings(asked: Asked) -> Answers:
    """Returns a book's stars; of SERVICE_VERSION v-faulty half fail, of v-delayed half take 7 s."""

    def answer(book: str) -> Answers:
        stars = _reply(asked, {"id": int(book), "ratings": _STARS})
        match asked.container.env.get("SERVICE_VERSION", "v1"):
            case "v1":
                return certain(stars)
            case "v-faulty":
                failed = _reply(asked, {"error": "Service unavailable"}, 503)
                return shares(((1, failed, ()), (1, stars, ())))
            case "v-delayed":
                return shares(((1, replace(stars, seconds=7.0), ()), (1, stars, ())))
            case version:
                raise asked.not_modelled(f"Bookinfo's ratings {version}")

    return _about_book(asked, "ratings", answer)


def _reviews(color: str) -> Callable[[Asked], Answers]:
    """A version of reviews: that of which color it shows stars, without a color none."""
    patience = 10.0 if color == "black" else 2.5

    def told(asked: Asked, book: str, found: Found | None) -> Outcome:
        stars = json.loads(found.data).get("ratings", {}) if found and found.data else {}
        reviews: list[dict[str, Any]] = [{"reviewer": name, "text": "<text>"} for name in _STARS]
        for review in reviews if color else ():
            given = stars.get(review["reviewer"])
            error = {"error": "Ratings service is currently unavailable"}
            review["rating"] = error if given is None else {"stars": given, "color": color}
        data = {"id": book, "podname": asked.pod.name, "clustername": "null", "reviews": reviews}
        return _reply(asked, data, seconds=found.seconds if found else 0.0)

    def answer(asked: Asked, book: str) -> Answers:
        if not color:
            return certain(told(asked, book, None))
        return mapped(_ask(asked, "ratings", book, patience), lambda found: told(asked, book, found))

    return lambda asked: _about_book(asked, "reviews", lambda book: answer(asked, book))


def productpage(asked: Asked) -> Answers:
    """Returns the page (its text isn't known), or what the API under /api/v1/products tells.

    The page is 200 whatever its services answer; it waits 3 s for each, and asks reviews twice if need be.
    """
    http_only(asked)
    path = asked.message.path
    html = (("content-type", "text/html; charset=utf-8"),)
    if path == "/productpage":

        def page(details: Found) -> Answers:
            return mapped(
                _twice(asked, "0"),
                lambda reviews: asked.outcome(headers=html, seconds=details.seconds + reviews.seconds),
            )

        return then(_ask(asked, "details", "0", _PATIENCE), page)
    part = re.fullmatch("/api/v1/products/([0-9]+)(/reviews|/ratings)?", path)
    if part is None:
        body = "Product page is healthy" if path == "/health" else None
        return certain(asked.outcome(body=body, headers=html))
    what = (part[2] or "/details")[1:]

    def passed_on(found: Found) -> Outcome:
        if found.data is not None:
            return asked.outcome(200, found.data, _JSON, seconds=found.seconds)
        error = {"error": f"Sorry, product {what} are currently unavailable for this book."}
        return _reply(asked, error, found.status, found.seconds)

    told = _twice(asked, part[1]) if what == "reviews" else _ask(asked, what, part[1], _PATIENCE)
    return mapped(told, passed_on)


def _twice(asked: Asked, book: str) -> Branches[Found]:
    """What reviews tell; they are asked once more if that fails."""

    def again(first: Found) -> Branches[Found]:
        if first.data is not None:
            return certain(first)
        second = _ask(asked, "reviews", book, _PATIENCE)
        return mapped(second, lambda one: replace(one, seconds=first.seconds + one.seconds))

    return then(_ask(asked, "reviews", book, _PATIENCE), again)


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

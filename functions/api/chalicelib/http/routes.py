"""Declarations of routes. Validation, request handling and the OpenAPI document are made from them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Literal

from chalice.app import Request, Response
from pydantic import BaseModel

from mediajobs.accounts.key_store import Caller

# Where the API key may be: "query" for players and EventSource, which cannot set headers; None for an open route.
KeyIn = Literal["header", "query"] | None
Model = type[BaseModel]
# What an answer contains: a model, a media type, nothing, or one of several.
Answer = Model | str | None | tuple[Model | str, ...]


@dataclass(frozen=True)
class ApiRequest:
    """A request that was authenticated and validated. `raw` is Chalice's own request.

    `caller`, `body` and `query` are set where the route declares a key, a body or a query. `link_query` is the query,
    such as `?token=…`, that links to the same job's other parts need in the answer; empty where a header authenticated.
    """

    raw: Request
    caller: Caller
    body: Any = None
    query: Any = None
    link_query: str = ""

    @property
    def headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] = self.raw.headers
        return headers


View = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    """A route as its view declares it. `headers` are those of its answers that do not follow from the other fields."""

    method: str
    path: str
    view: View
    answers: Mapping[HTTPStatus, Answer]
    body: Model | None = None
    body_optional: bool = False  # without a body, the model's defaults count
    max_body_bytes: int = 64 * 1024  # also of a route without a declared body
    query: Model | None = None
    key: KeyIn = "header"
    token: bool = False  # a job token in the query will do; it always does where the key may be in the query
    headers: Mapping[HTTPStatus, tuple[str, ...]] = field(default_factory=dict)
    tag: str = ""

    @property
    def summary(self) -> str:
        """The first line of the view's docstring."""
        return self._doc.partition("\n")[0]

    @property
    def description(self) -> str:
        """The view's docstring after its first line."""
        return self._doc.partition("\n")[2].strip()

    @property
    def _doc(self) -> str:
        return cleandoc(self.view.__doc__ or self.view.__name__)


@dataclass
class Routes:
    """The routes of one module of views. `tag` groups them in the OpenAPI document."""

    tag: str
    all: list[Route] = field(default_factory=list)

    def route(
        self, method: str, path: str, answers: Mapping[HTTPStatus, Answer], **more: Any
    ) -> Callable[[View], View]:
        """Decorates `view(request, **path)`; `more`: body, body_optional, max_body_bytes, query, key, token,
        headers."""

        def decorate(view: View) -> View:
            self.all.append(Route(method, path, view, answers, tag=self.tag, **more))
            return view

        return decorate

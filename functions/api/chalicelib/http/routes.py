"""A route is declared once; validation, handler and OpenAPI come from it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from inspect import cleandoc
from typing import Any, Literal

from chalice.app import Request, Response
from pydantic import BaseModel

from mediajobs.accounts.key_store import Caller

# Where the API key may be: players and EventSource cannot set headers. None: the route is open to everybody.
KeyIn = Literal["header", "query"] | None
Model = type[BaseModel]
# A model, a media type, nothing, or what it depends on the request which.
Answer = Model | str | None | tuple[Model | str, ...]


@dataclass(frozen=True)
class ApiRequest:
    """A request that passed its door. `caller`, `body` and `query` are there where the route declares them."""

    request: Request
    caller: Caller
    body: Any = None
    query: Any = None

    @property
    def headers(self) -> Mapping[str, str]:
        headers: Mapping[str, str] = self.request.headers
        return headers


View = Callable[..., Response]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    view: View
    answers: Mapping[HTTPStatus, Answer]
    body: Model | None = None
    body_optional: bool = False  # without a body, the model's defaults
    query: Model | None = None
    key: KeyIn = "header"
    headers: Mapping[HTTPStatus, tuple[str, ...]] = field(
        default_factory=dict
    )  # beside those that follow from the rest
    noun: str = ""

    @property
    def summary(self) -> str:
        return self._doc.partition("\n")[0]

    @property
    def description(self) -> str:
        """What the view's docstring says beyond its first line."""
        return self._doc.partition("\n")[2].strip()

    @property
    def _doc(self) -> str:
        return cleandoc(self.view.__doc__ or self.view.__name__)


@dataclass
class Routes:
    """The routes of one noun."""

    noun: str
    all: list[Route] = field(default_factory=list)

    def route(
        self, method: str, path: str, answers: Mapping[HTTPStatus, Answer], **more: Any
    ) -> Callable[[View], View]:
        """Decorates `view(asked, **path)`; `more`: body, body_optional, query, key, headers."""

        def decorate(view: View) -> View:
            self.all.append(Route(method, path, view, answers, noun=self.noun, **more))
            return view

        return decorate

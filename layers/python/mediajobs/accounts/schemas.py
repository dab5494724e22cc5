"""Documents of keys and accounts: the usage document, and job tokens."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import ConfigDict, Field

from mediajobs.accounts import job_tokens
from mediajobs.accounts.quotas import Month, Quotas
from mediajobs.accounts.rate_limits import Window
from mediajobs.accounts.usage import Day, meaning
from mediajobs.api.request_types import WHOLE, Body, Moment, Span
from mediajobs.base_model import LazyModel
from mediajobs.statistics.counters import Counts
from mediajobs.statistics.schemas import Storage


class UsageDays(Span):
    """`GET /usage`: whole days in UTC, both included."""

    from_date: Annotated[
        Moment | None,
        Field(description="The first day; by default the 30th before the end.", examples=["2026-11-01"]),
    ] = None
    to_date: Annotated[Moment | None, Field(description="The last day; by default today.", examples=["2026-11-30"])] = (
        None
    )


class CreateJobToken(Body):
    """`POST /jobs/{job_id}/tokens`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"expires_in": 3600}]})

    expires_in: Annotated[
        int,
        Field(
            strict=True,
            ge=job_tokens.MIN_SECONDS,
            le=job_tokens.MAX_SECONDS,
            description="Seconds until the token expires.",
        ),
        WHOLE,
    ] = job_tokens.DEFAULT_SECONDS


class JobTokenDocument(LazyModel):
    """A job token. It is shown this once."""

    token: str
    expires_at: str


class DayDocument(LazyModel):
    """The requests of a day: by route and status class, and by status class alone."""

    date: str
    total: int
    by_route: dict[str, dict[str, int]]
    by_status_class: dict[str, int]


class RequestsDocument(LazyModel):
    """The requests of this key. Days without a request are left out."""

    total: int
    by_day: list[DayDocument]


class MinutesDocument(LazyModel):
    """Minutes of media that attempts of the account's jobs began to decode in this month, whatever became of them."""

    month: str
    transcoded: float
    transcribed: float


class LimitsDocument(LazyModel):
    """The rate limit of this key, the requests that remain in the window, and the seconds until the next window."""

    requests_per_minute: int
    remaining: int
    resets_in: int


class QuotaDocument(LazyModel):
    """A quota and its use. `limit` is null where there is no limit."""

    limit: int | None
    used: int | float


class QuotasDocument(LazyModel):
    """The quotas of the account."""

    concurrent_jobs: QuotaDocument
    minutes_per_month: QuotaDocument
    stored_bytes: QuotaDocument


class Usage(LazyModel):
    """`requests` and `limits` are this key's; `minutes`, `storage` and `quotas` are its account's."""

    key_id: str
    account: str
    requests: RequestsDocument
    minutes: MinutesDocument
    storage: Storage
    limits: LimitsDocument
    quotas: QuotasDocument


def requests_document(days: Iterable[Day]) -> RequestsDocument:
    documents = [_day_document(day) for day in sorted(days, key=lambda day: day.date)]
    by_day = [document for document in documents if document.total]
    return RequestsDocument(total=sum(document.total for document in by_day), by_day=by_day)


def minutes_document(counts: Counts, month: Month) -> MinutesDocument:
    """`counts`: what the account was charged in this month."""
    transcoded, transcribed = (minutes(counts.get(name, 0)) for name in ("transcoded_ms", "transcribed_ms"))
    return MinutesDocument(month=month.name, transcoded=transcoded, transcribed=transcribed)


def limits_document(window: Window) -> LimitsDocument:
    return LimitsDocument(requests_per_minute=window.limit, remaining=window.left, resets_in=window.resets_in)


def quotas_document(quotas: Quotas, *, open_jobs: int, media_ms: int, stored: int) -> QuotasDocument:
    return QuotasDocument(
        concurrent_jobs=QuotaDocument(limit=quotas.concurrent_jobs, used=open_jobs),
        minutes_per_month=QuotaDocument(limit=quotas.minutes_per_month, used=minutes(media_ms)),
        stored_bytes=QuotaDocument(limit=quotas.stored_bytes, used=stored),
    )


def minutes(milliseconds: int) -> float:
    """Returns minutes with two decimal places."""
    return round(milliseconds / 60_000, 2)


def _day_document(day: Day) -> DayDocument:
    by_route: dict[str, dict[str, int]] = {}
    by_class: Counter[str] = Counter()
    for name, number in sorted(day.counts.items()):
        if number:
            status_class, route = meaning(name)
            by_route.setdefault(route, {})[status_class] = number
            by_class[status_class] += number
    return DayDocument(
        date=day.date,
        total=sum(by_class.values()),
        by_route=dict(sorted(by_route.items())),
        by_status_class=dict(sorted(by_class.items())),
    )

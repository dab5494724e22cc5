"""`/usage`: what a key asked for, and what its account has used up."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs import clock, timestamps
from mediajobs.accounts import quota_store, schemas, usage, usage_store
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.quotas import month_of
from mediajobs.accounts.schemas import UsageDays
from mediajobs.jobs.lifecycle import TERMINAL
from mediajobs.statistics import counter_store, counters, time_blocks
from mediajobs.statistics.schemas import storage

_DAYS = 30

routes = Routes("usage")


@routes.route("GET", "/usage", {HTTPStatus.OK: schemas.Usage}, query=UsageDays)
def read(asked: ApiRequest) -> Response:
    """This key's requests by day, and its account's minutes, storage and quotas.

    Requests are counted when they are let in; those that are refused with 401 or 429 are not. Minutes and bytes are a
    second or so late; minutes stay used when their job is deleted, and bytes when its files were kept.
    """
    caller, moment = asked.caller, clock.milliseconds()
    month = month_of(moment)
    ever = counters.including_deleted(counter_store.read(caller.account, 0, time_blocks.EPOCH_END - 1))
    this_month = counters.including_deleted(counter_store.read(caller.account, month.first, month.last))
    standing = quota_store.read(caller.account)
    stored = storage(ever)
    return json_answer(
        schemas.Usage(
            key_id=caller.key_id,
            account=caller.account,
            requests=schemas.requests_document(_days(caller, asked.query, moment)),
            minutes=schemas.minutes_document(this_month, month),
            storage=stored,
            limits=schemas.limits_document(caller.window),
            quotas=schemas.quotas_document(
                standing.quotas,
                open_jobs=_open_jobs(standing, ever),
                media_ms=this_month["media_ms"],
                stored=stored.used_bytes,
            ),
        )
    )


def _days(caller: Caller, wanted: UsageDays, moment: int) -> list[usage.Day]:
    """Those that are over, and today's, which came with the write that let this request in."""
    last = timestamps.milliseconds(wanted.to_date) if wanted.to_date else moment
    first = timestamps.milliseconds(wanted.from_date) if wanted.from_date else last - (_DAYS - 1) * usage.DAY_MS
    begin, end = usage.date_of(first), usage.date_of(last)
    over = usage_store.read(caller.key_id, begin, end)
    return [*over, caller.today] if begin <= caller.today.date <= end else over


def _open_jobs(standing: quota_store.QuotaStatus, ever: counters.Counts) -> int:
    """Exact under a quota; without one, as the statistics know it."""
    if standing.quotas.concurrent_jobs is not None:
        return standing.open_jobs
    return sum(number for status, number in counters.jobs_by_status(ever).items() if status not in TERMINAL)

"""Rows from ranges of an index: at most four reads of each, however many jobs there are; more only for a deep page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediajobs.aws import dynamodb
from mediajobs.jobs.tables import JOB
from mediajobs.listing.index_plan import IndexRange
from mediajobs.settings import setting

_MAX_CALLS = 4
_MAX_CALLS_IN_ALL = 32  # a read gives 1 MB: as many as ten thousand rows of the largest size need
_FILTERED_READS = (500, 2000)  # items of the first call, and of those after it, where conditions may drop most of them
_ID = 26  # characters of a job's id
ListedRow = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """`place`: where the list goes on, None at its end. `seen`: how many matching jobs were passed, these included.
    `total`: all that match, where reading the page told it."""

    rows: list[ListedRow]
    next_position: dict[str, Any] | None
    passed: int
    total: int | None = None


def read(plans: Sequence[IndexRange], *, descending: bool, skip: int, limit: int, place: dict[str, Any] | None) -> Page:
    """`limit` rows after the first `skip`, from `place` on; fewer, with a place, where conditions leave too few.

    Several ranges are in the order of their jobs' ids, and so is the list.
    """
    if len(plans) == 1:
        return _read(plans[0], descending=descending, skip=skip, limit=limit, place=place)
    after = place["job_id"]["S"] if place else None
    pages = [
        _read(plan, descending=descending, skip=0, limit=skip + limit, place=_position_after(plan, after))
        for plan in plans
    ]
    known = _known(pages, descending=descending)
    # By id: a job that moved from one range to another in between is met twice.
    found = {_job_id(row): row for page in pages for row in page.rows}
    reached = (each for each in found if known is None or (each >= known if descending else each <= known))
    certain = [found[each] for each in sorted(reached, reverse=descending)]
    rows = certain[skip : skip + limit]
    goes_on = len(certain) > skip + limit or known is not None
    last = _job_id(rows[-1]) if len(certain) > skip + limit and rows else known
    return Page(rows, {"job_id": dynamodb.to_attribute(last)} if goes_on else None, min(len(certain), skip + limit))


def _known(pages: list[Page], *, descending: bool) -> str | None:
    """The id up to which all ranges were read; None where all were read to their ends."""
    ends = [page.next_position["job_id"]["S"] for page in pages if page.next_position is not None]
    return (max(ends) if descending else min(ends)) if ends else None


def _position_after(plan: IndexRange, job_id: str | None) -> dict[str, Any] | None:
    return None if job_id is None else cursor_at(plan, f"{(plan.low or '')[:-_ID]}{job_id}")


def _job_id(row: ListedRow) -> str:
    return str(row["job_id"])


def _read(plan: IndexRange, *, descending: bool, skip: int, limit: int, place: dict[str, Any] | None) -> Page:
    found: list[ListedRow] = []
    calls, most = 0, _MAX_CALLS if plan.conditions else _MAX_CALLS_IN_ALL
    while len(found) <= skip + limit and calls < most:
        items = _FILTERED_READS[min(calls, 1)] if plan.conditions else skip + limit + 1 - len(found)
        answer = _client().query(**_query(plan, descending=descending, items=items, place=place))
        found += [dynamodb.from_item(item) for item in answer["Items"]]
        place = answer.get("LastEvaluatedKey")
        calls += 1
        if place is None:
            break
    rows = found[skip : skip + limit]
    if len(found) > skip + limit:
        place = cursor_at(plan, rows[-1][plan.range_name]) if rows else place
    return Page(rows, place, min(len(found), skip + limit))


def count(plan: IndexRange) -> tuple[int, bool]:
    """How many jobs are in a range, and whether it was read to its end: it takes one call."""
    answer = _client().query(**_query(plan, descending=True, items=_FILTERED_READS[-1], place=None), Select="COUNT")
    return answer["Count"], "LastEvaluatedKey" not in answer


def cursor_at(plan: IndexRange, key: str) -> dict[str, Any]:
    """As DynamoDB would say it, had it stopped after the row with this sort key. All of them end with the job's id."""
    values = {plan.hash_name: plan.hash_value, plan.range_name: key, "job_id": key[-_ID:], "item": JOB}
    return {name: dynamodb.to_attribute(value) for name, value in values.items()}


def _query(plan: IndexRange, *, descending: bool, items: int, place: dict[str, Any] | None) -> dict[str, Any]:
    names, values = {"#h": plan.hash_name}, {":h": dynamodb.to_attribute(plan.hash_value)}
    key = "#h = :h"
    if plan.low is not None:
        names["#r"] = plan.range_name
        values |= {":low": dynamodb.to_attribute(plan.low), ":high": dynamodb.to_attribute(plan.high)}
        key += " AND #r BETWEEN :low AND :high"
    filters = [_condition(number, *condition, names, values) for number, condition in enumerate(plan.conditions)]
    query = {
        "TableName": setting("JOBS_TABLE"),
        "IndexName": plan.index,
        "KeyConditionExpression": key,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": not descending,
        "Limit": items,
    }
    if filters:
        query["FilterExpression"] = " AND ".join(filters)
    return query | ({"ExclusiveStartKey": place} if place else {})


def _condition(
    number: int, attribute: str, operator: str, value: Any, names: dict[str, str], values: dict[str, Any]
) -> str:
    """The condition as text; its names and values join the others."""
    name = f"#{number}"
    names[name] = attribute
    many = list(value) if operator in ("in", "between") else [value]
    places = [f":{number}_{index}" for index in range(len(many))]
    values.update({place: dynamodb.to_attribute(each) for place, each in zip(places, many, strict=True)})
    if operator == "in":
        return f"{name} IN ({', '.join(places)})"
    if operator == "between":
        return f"{name} BETWEEN {places[0]} AND {places[1]}"
    return f"contains({name}, {places[0]})" if operator == "contains" else f"{name} = {places[0]}"


def _client() -> Any:
    return dynamodb.client()

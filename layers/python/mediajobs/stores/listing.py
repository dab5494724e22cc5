"""Pages of jobs from the indexes: at most four reads, however many jobs there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediajobs.documents import JobBrief, ListedJob
from mediajobs.life import RUNNING, Status
from mediajobs.listing import Filters, Plan, plan
from mediajobs.stores import attributes, briefs, bulk, clients
from mediajobs.stores.environment import setting

_MOST_CALLS = 4
_FILTERED_READ = 2000  # items a call where conditions may drop most of them
_WRITE, _READ = attributes.write, attributes.read

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Page:
    """`place`: where the list goes on, None at its end. `seen`: how many matching jobs were passed, these included.
    `total`: all that match, where reading the page told it."""

    rows: list[Row]
    place: dict[str, Any] | None
    seen: int
    total: int | None = None


def page(
    account: str,
    filters: Filters,
    *,
    sort_by: str = "created_at",
    descending: bool = True,
    skip: int = 0,
    limit: int,
    place: dict[str, Any] | None = None,
) -> Page:
    """A page of the account's jobs. `place`: where an earlier one ended. It may be short and go on all the same."""
    return _read(plan(account, filters, sort_by), descending=descending, skip=skip, limit=limit, place=place)


def count(plan: Plan) -> tuple[int, bool]:
    """How many jobs are in a range, and whether it was read to its end: it takes one call."""
    answer = _client().query(**_query(plan, descending=True, wanted=_FILTERED_READ, place=None), Select="COUNT")
    return answer["Count"], "LastEvaluatedKey" not in answer


def documents(account: str, rows: list[Row]) -> list[ListedJob]:
    """The rows as clients see them. Only running jobs have to be asked how far they are."""
    (images,) = bulk.read(wanted_progress(rows))
    return documents_of(account, rows, images)


def wanted_progress(rows: list[Row]) -> bulk.Wanted:
    """What `documents_of` needs beside the rows, to be read together with something else."""
    return briefs.wanted(_running(rows))


def documents_of(account: str, rows: list[Row], images: list[bulk.Image]) -> list[ListedJob]:
    told = briefs.entries(_running(rows), images, account=account)
    progress = {brief.job_id: brief.overall_progress for brief in told if isinstance(brief, JobBrief)}
    return [
        ListedJob(
            job_id=row["job_id"],
            status=row["status"],
            priority=int(row["priority"]),
            filename=row["filename"],
            duration_seconds=float(row["duration_seconds"]) if "duration_seconds" in row else None,
            batch_id=row.get("batch_id"),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            completed_at=row.get("completed_at"),
            progress=100 if row["status"] == Status.COMPLETED else progress.get(row["job_id"], 0),
        )
        for row in rows
    ]


def _running(rows: list[Row]) -> list[str]:
    return [row["job_id"] for row in rows if row["status"] in RUNNING]


def _read(plan: Plan, *, descending: bool, skip: int, limit: int, place: dict[str, Any] | None) -> Page:
    """`limit` rows after the first `skip`, from `place` on; fewer, with a place, where conditions leave too few."""
    found: list[Row] = []
    calls = 0
    while len(found) <= skip + limit and calls < _MOST_CALLS:
        answer = _client().query(
            **_query(plan, descending=descending, wanted=skip + limit + 1 - len(found), place=place)
        )
        found += [{name: _READ(value) for name, value in item.items()} for item in answer["Items"]]
        place = answer.get("LastEvaluatedKey")
        calls += 1
        if place is None:
            break
    rows = found[skip : skip + limit]
    if len(found) > skip + limit:
        place = _place_of(plan, rows[-1]) if rows else place
    return Page(rows, place, min(len(found), skip + limit))


def _query(plan: Plan, *, descending: bool, wanted: int, place: dict[str, Any] | None) -> dict[str, Any]:
    names, values = {"#h": plan.hash_name}, {":h": _WRITE(plan.hash_value)}
    key = "#h = :h"
    if plan.low is not None:
        names["#r"] = plan.range_name
        values |= {":low": _WRITE(plan.low), ":high": _WRITE(plan.high)}
        key += " AND #r BETWEEN :low AND :high"
    filters = [_condition(number, *condition, names, values) for number, condition in enumerate(plan.conditions)]
    query = {
        "TableName": setting("JOBS_TABLE"),
        "IndexName": plan.index,
        "KeyConditionExpression": key,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": not descending,
        "Limit": _FILTERED_READ if filters else wanted,
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
    values.update({place: _WRITE(each) for place, each in zip(places, many, strict=True)})
    if operator == "in":
        return f"{name} IN ({', '.join(places)})"
    if operator == "between":
        return f"{name} BETWEEN {places[0]} AND {places[1]}"
    return f"contains({name}, {places[0]})" if operator == "contains" else f"{name} = {places[0]}"


def _place_of(plan: Plan, row: Row) -> dict[str, Any]:
    """As DynamoDB would say it, had it stopped after this row."""
    return {name: _WRITE(row[name]) for name in {plan.hash_name, plan.range_name, "job_id", "item"}}


def _client() -> Any:
    return clients.dynamodb()

"""Pages of rows, read from ranges of an index.

A page takes at most four reads of each range, however many jobs there are; more only for a deep page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mediajobs.aws import dynamodb
from mediajobs.jobs.tables import JOB
from mediajobs.listing.index_plan import IndexRange
from mediajobs.settings import setting

_MAX_CALLS_FILTERED = 4
_MAX_CALLS = 32  # without conditions; a read returns 1 MB, so this is enough for ten thousand rows of the largest size
_FILTERED_READS = (500, 2000)  # items of the first call and of later ones, where conditions may drop most of them
_ID_LENGTH = 26  # characters of a job's id
ListedRow = Mapping[str, Any]
Position = dict[str, Any]  # where a list continues: a DynamoDB key; of several ranges, the job's id alone


@dataclass(frozen=True)
class Page:
    """`next_position`: where the list continues, None at its end. `passed`: how many matching jobs come before that,
    from where the reading began. `total`: how many match in all, where reading the page has shown it."""

    rows: list[ListedRow]
    next_position: Position | None
    passed: int
    total: int | None = None


def read(ranges: Sequence[IndexRange], *, descending: bool, skip: int, limit: int, position: Position | None) -> Page:
    """`limit` rows after the first `skip`, from `position` on; fewer, with a next position, where conditions drop most.

    Several ranges have to be sorted by their jobs' ids, and so is their list.
    """
    if len(ranges) == 1:
        return _read_range(ranges[0], descending=descending, skip=skip, limit=limit, start_key=position)
    last_id = position["job_id"]["S"] if position else None
    pages = [
        _read_range(
            index_range,
            descending=descending,
            skip=0,
            limit=skip + limit,
            start_key=None if last_id is None else _key_after(index_range, last_id),
        )
        for index_range in ranges
    ]
    return _merged(pages, descending=descending, skip=skip, limit=limit)


def count(index_range: IndexRange) -> tuple[int, bool]:
    """How many jobs are in a range, and whether it was counted to its end. One call."""
    query = _query(index_range, descending=True, items=_FILTERED_READS[-1], start_key=None)
    answer = _client().query(**query, Select="COUNT")
    return answer["Count"], "LastEvaluatedKey" not in answer


def position_after(index_range: IndexRange, sort_key: str) -> Position:
    """What DynamoDB returns as `LastEvaluatedKey` after the row with this sort key. Every sort key ends with the id."""
    values = {
        index_range.hash_name: index_range.hash_value,
        index_range.range_name: sort_key,
        "job_id": sort_key[-_ID_LENGTH:],
        "item": JOB,
    }
    return {name: dynamodb.to_attribute(value) for name, value in values.items()}


def _merged(pages: list[Page], *, descending: bool, skip: int, limit: int) -> Page:
    """One page of several ranges, as far as all of them were read."""
    end = _common_end(pages, descending=descending)
    # By id: a job that moved from one range to another between the reads comes twice.
    rows_by_id = {_job_id(row): row for page in pages for row in page.rows}
    covered = (job_id for job_id in rows_by_id if end is None or (job_id >= end if descending else job_id <= end))
    merged = [rows_by_id[job_id] for job_id in sorted(covered, reverse=descending)]
    rows = merged[skip : skip + limit]
    has_more_rows = len(merged) > skip + limit
    last_id = _job_id(rows[-1]) if has_more_rows and rows else end
    continues = has_more_rows or end is not None
    position = {"job_id": dynamodb.to_attribute(last_id)} if continues else None
    return Page(rows, position, min(len(merged), skip + limit))


def _common_end(pages: list[Page], *, descending: bool) -> str | None:
    """The id up to which all ranges were read; None where all were read to their ends."""
    ends = [page.next_position["job_id"]["S"] for page in pages if page.next_position is not None]
    return (max(ends) if descending else min(ends)) if ends else None


def _key_after(index_range: IndexRange, job_id: str) -> Position:
    prefix = (index_range.low or "")[:-_ID_LENGTH]
    return position_after(index_range, f"{prefix}{job_id}")


def _job_id(row: ListedRow) -> str:
    return str(row["job_id"])


def _read_range(
    index_range: IndexRange, *, descending: bool, skip: int, limit: int, start_key: Position | None
) -> Page:
    rows: list[ListedRow] = []
    is_filtered = bool(index_range.conditions)
    calls, max_calls = 0, _MAX_CALLS_FILTERED if is_filtered else _MAX_CALLS
    while len(rows) <= skip + limit and calls < max_calls:  # one row more than needed, to know whether there are more
        items = _FILTERED_READS[min(calls, 1)] if is_filtered else skip + limit + 1 - len(rows)
        answer = _client().query(**_query(index_range, descending=descending, items=items, start_key=start_key))
        rows += [dynamodb.from_item(item) for item in answer["Items"]]
        start_key = answer.get("LastEvaluatedKey")
        calls += 1
        if start_key is None:
            break
    shown = rows[skip : skip + limit]
    if len(rows) > skip + limit and shown:
        start_key = position_after(index_range, shown[-1][index_range.range_name])
    return Page(shown, start_key, min(len(rows), skip + limit))


def _query(index_range: IndexRange, *, descending: bool, items: int, start_key: Position | None) -> dict[str, Any]:
    """The arguments of a DynamoDB query. `items`: how many rows it reads before the conditions are applied."""
    names, values = {"#h": index_range.hash_name}, {":h": dynamodb.to_attribute(index_range.hash_value)}
    key = "#h = :h"
    if index_range.low is not None:
        names["#r"] = index_range.range_name
        values[":low"] = dynamodb.to_attribute(index_range.low)
        values[":high"] = dynamodb.to_attribute(index_range.high)
        key += " AND #r BETWEEN :low AND :high"
    conditions = [
        _condition(number, *condition, names, values) for number, condition in enumerate(index_range.conditions)
    ]
    query = {
        "TableName": setting("JOBS_TABLE"),
        "IndexName": index_range.index,
        "KeyConditionExpression": key,
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": not descending,
        "Limit": items,
    }
    if conditions:
        query["FilterExpression"] = " AND ".join(conditions)
    return query | ({"ExclusiveStartKey": start_key} if start_key else {})


def _condition(
    number: int, attribute: str, operator: str, value: Any, names: dict[str, str], values: dict[str, Any]
) -> str:
    """The condition as an expression. Adds its name and values to `names` and `values`."""
    name = f"#{number}"
    names[name] = attribute
    operands = list(value) if operator in ("in", "between") else [value]
    placeholders = [f":{number}_{index}" for index in range(len(operands))]
    values.update(zip(placeholders, map(dynamodb.to_attribute, operands), strict=True))
    if operator == "in":
        return f"{name} IN ({', '.join(placeholders)})"
    if operator == "between":
        return f"{name} BETWEEN {placeholders[0]} AND {placeholders[1]}"
    return f"contains({name}, {placeholders[0]})" if operator == "contains" else f"{name} = {placeholders[0]}"


def _client() -> Any:
    return dynamodb.client()

"""Requests by day. Today's counters lie in the key's own item, where the write that authenticates counts; those of days
that are over in the Usage table, for 13 months.

`day` in the key's item is the day that is being counted, `day_writes` the number of changes to its counters: it tells
that a day was moved whole.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from mediajobs.accounts.usage import Day, day_of, is_counter
from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import lost_race, update
from mediajobs.settings import setting

_KEPT = timedelta(days=13 * 31)
_PAGES = 10  # of 1 MB, of at most 13 months of days


def begin_day(row: Mapping[str, Any], today: str) -> None:
    """Moves what was counted out of the key's item and begins `today` there: both or neither, and once only.

    `row`: the item as it was read. Where it has changed since, nothing is done: the caller reads again.
    """
    changes = [_begin(row, today)]
    if "day" in row:  # keys of old have none
        ended = day_of(row)
        counts = {name: number for name, number in ended.counts.items() if number}
        if counts:
            changes.append({"Update": _archive_key(row["key_id"], ended.date) | _added(counts, ended.date)})
    try:
        dynamodb.dynamodb().transact_write_items(TransactItems=changes)
    except ClientError as error:
        if not lost_race(error):
            raise


def correct(key_id: str, date: str, counted: str, right: str) -> None:
    """Takes a request that was counted on `date` from one counter to another, wherever that day's counters are now."""
    in_key = {
        "UpdateExpression": "ADD #counted :less, #right :one, day_writes :one",
        "ConditionExpression": "#day = :date",
        "ExpressionAttributeNames": {"#counted": counted, "#right": right, "#day": "day"},
        "ExpressionAttributeValues": {":less": {"N": "-1"}, ":one": {"N": "1"}, ":date": {"S": date}},
    }
    _, done = update(setting("KEYS_TABLE"), {"key_id": {"S": key_id}}, **in_key)
    if not done:
        place = _archive_key(key_id, date)
        update(place["TableName"], place["Key"], **_added({counted: -1, right: 1}, date))


def read(key_id: str, first: str, last: str) -> list[Day]:
    """The days that are over, from `first` to `last`, both included. None where that is no span."""
    if first > last:
        return []
    query: dict[str, Any] = {
        "TableName": setting("USAGE_TABLE"),
        "KeyConditionExpression": "key_id = :key_id AND #day BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#day": "day"},
        "ExpressionAttributeValues": {":key_id": {"S": key_id}, ":first": {"S": first}, ":last": {"S": last}},
    }
    days: list[Day] = []
    client = dynamodb.dynamodb()
    for _ in range(_PAGES):
        page = client.query(**query)
        days += [day_of(dynamodb.from_item(item)) for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    return days


def _begin(row: Mapping[str, Any], today: str) -> dict[str, Any]:
    """The key's item, as it was read, without counters and with the new day."""
    counters = {f"#{number}": name for number, name in enumerate(filter(is_counter, row))}
    gone = ", ".join(["day_writes", *counters])
    values, conditions = {":today": {"S": today}}, []
    for place, name in (("#day", "day"), ("day_writes", "day_writes")):
        if name in row:
            values[f":{name}"] = dynamodb.to_attribute(row[name])
        conditions.append(f"{place} = :{name}" if name in row else f"attribute_not_exists({place})")
    return {
        "Update": {
            "TableName": setting("KEYS_TABLE"),
            "Key": {"key_id": {"S": row["key_id"]}},
            "UpdateExpression": f"SET #day = :today REMOVE {gone}",
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {"#day": "day"} | counters,
            "ExpressionAttributeValues": values,
        }
    }


def _archive_key(key_id: str, date: str) -> dict[str, Any]:
    return {"TableName": setting("USAGE_TABLE"), "Key": {"key_id": {"S": key_id}, "day": {"S": date}}}


def _added(counts: Mapping[str, int], date: str) -> dict[str, Any]:
    """Adding, and not setting: a correction may have come before."""
    places = {f"#{number}": name for number, name in enumerate(counts)}
    expires = datetime.fromisoformat(date).replace(tzinfo=UTC) + _KEPT
    values = {f":{place[1:]}": {"N": str(counts[name])} for place, name in places.items()}
    return {
        "UpdateExpression": "SET expires_at = :expires ADD " + ", ".join(f"{place} :{place[1:]}" for place in places),
        "ExpressionAttributeNames": places,
        "ExpressionAttributeValues": values | {":expires": {"N": str(int(expires.timestamp()))}},
    }

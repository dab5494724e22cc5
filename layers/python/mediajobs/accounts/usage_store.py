"""Requests by day. Today's counters are in the key's own item, where the write that authenticates a request counts it.
The counters of earlier days are in the Usage table, for 13 months.

`day` in the key's item is the day that is counted there. `day_writes` is the number of changes to its counters. A move
to the Usage table checks by it that no change is lost.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from mediajobs.accounts.usage import Day, day_of, is_counter
from mediajobs.aws import dynamodb
from mediajobs.aws.conditional_writes import lost_race, update
from mediajobs.settings import setting

_RETENTION = timedelta(days=13 * 31)
_PAGES = 10  # of 1 MB, of at most 13 months of days


def begin_day(row: Mapping[str, Any], today: str) -> None:
    """Moves the counters of the last day from the key's item to the Usage table and begins `today`, in a transaction.

    `row`: the item as it was read. Where it has changed since, nothing is written, and the caller has to read again.
    """
    changes = [_begin(row, today)]
    if "day" in row:  # keys from before requests were counted have none
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
    """Moves a request of `date` from one counter to another, in the key's item or in the Usage table."""
    in_key = {
        "UpdateExpression": "ADD #counted :less, #right :one, day_writes :one",
        "ConditionExpression": "#day = :date",
        "ExpressionAttributeNames": {"#counted": counted, "#right": right, "#day": "day"},
        "ExpressionAttributeValues": {":less": {"N": "-1"}, ":one": {"N": "1"}, ":date": {"S": date}},
    }
    _, done = update(setting("API_KEYS_TABLE"), {"key_id": {"S": key_id}}, **in_key)
    if not done:
        archive = _archive_key(key_id, date)
        update(archive["TableName"], archive["Key"], **_added({counted: -1, right: 1}, date))


def read(key_id: str, first: str, last: str) -> list[Day]:
    """Returns the days before today from `first` to `last`, both included; none where `first` is after `last`."""
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
    """Returns the update that removes the counters of the key's item and sets the day, if the item is unchanged."""
    counters = {f"#{number}": name for number, name in enumerate(filter(is_counter, row))}
    gone = ", ".join(["day_writes", *counters])
    values, conditions = {":today": {"S": today}}, []
    for placeholder, name in (("#day", "day"), ("day_writes", "day_writes")):
        if name in row:
            values[f":{name}"] = dynamodb.to_attribute(row[name])
        conditions.append(f"{placeholder} = :{name}" if name in row else f"attribute_not_exists({placeholder})")
    return {
        "Update": {
            "TableName": setting("API_KEYS_TABLE"),
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
    """Returns an update that adds the counts. It sets none, because a correction may have been written before."""
    names = {f"#{number}": name for number, name in enumerate(counts)}
    additions = ", ".join(f"{placeholder} :{placeholder[1:]}" for placeholder in names)
    expires = datetime.fromisoformat(date).replace(tzinfo=UTC) + _RETENTION
    values = {f":{placeholder[1:]}": {"N": str(counts[name])} for placeholder, name in names.items()}
    return {
        "UpdateExpression": f"SET expires_at = :expires ADD {additions}",
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": values | {":expires": {"N": str(int(expires.timestamp()))}},
    }

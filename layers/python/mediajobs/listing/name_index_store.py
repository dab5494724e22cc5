"""Which of an account's jobs have a word in their file name: one read, however many jobs there are.

The entries follow the jobs' events. What is written is checked against the job afterwards, so that a late copy of its
first event leaves nothing behind of a job that is gone.
"""

from mediajobs.aws import batch_items, dynamodb
from mediajobs.errors import NotFound
from mediajobs.jobs import job_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.index_keys import folded
from mediajobs.listing import name_index
from mediajobs.settings import setting

RARE = 900  # entries: as many as may be looked up one by one


def follow(event: JobEvent) -> None:
    """Puts the entries of a new job, and takes away those of a deleted one."""
    keys = [_key(*entry) for entry in name_index.entries(event.account, event.job_id, folded(event.filename))]
    if event.is_first:
        batch_items.write(setting("NAME_INDEX_TABLE"), ({"PutRequest": {"Item": key}} for key in keys))
    if event.is_last or (event.is_first and not _is_there(event.job_id)):
        batch_items.write(setting("NAME_INDEX_TABLE"), ({"DeleteRequest": {"Key": key}} for key in keys))


def jobs_with(account: str, word: str) -> set[str] | None:
    """The ids of the jobs with this word (folded, not empty); None where it is not rare.

    Of a word that is longer than what entries keep, some may not have it.
    """
    if not name_index.is_possible(word):
        return set()
    answer = dynamodb.dynamodb().query(
        TableName=setting("NAME_INDEX_TABLE"),
        KeyConditionExpression="part = :part AND begins_with(entry, :word)",
        ExpressionAttributeValues={
            ":part": {"S": name_index.partition(account, word)},
            ":word": {"S": name_index.beginning(word)},
        },
        ProjectionExpression="entry",
        Limit=RARE + 1,
    )
    if len(answer["Items"]) > RARE or "LastEvaluatedKey" in answer:
        return None
    return {name_index.job_of(item["entry"]["S"]) for item in answer["Items"]}


def _is_there(job_id: str) -> bool:
    try:
        job_store.get(job_id)
    except NotFound:
        return False
    return True


def _key(part: str, entry: str) -> batch_items.Image:
    return {"part": {"S": part}, "entry": {"S": entry}}

"""The entries of `mediajobs.listing.name_index`: which of an account's jobs have a word in their file name.

A search takes one read, however many jobs there are. The jobs' events keep the entries up to date. After entries are
written the job is looked up, so that a late copy of its first event leaves no entries of a deleted job.
"""

from mediajobs.aws import batch_items, dynamodb
from mediajobs.errors import NotFound
from mediajobs.jobs import job_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.index_keys import fold_case
from mediajobs.listing import name_index
from mediajobs.settings import setting

MAX_RARE = 900  # jobs with a word: as many as a search may look up one by one


def follow(event: JobEvent) -> None:
    """Writes the entries of a new job, and deletes those of a deleted job."""
    keys = [_key(*entry) for entry in name_index.entries(event.account, event.job_id, fold_case(event.filename))]
    if event.is_first:
        batch_items.write(setting("NAME_INDEX_TABLE"), ({"PutRequest": {"Item": key}} for key in keys))
    if event.is_last or (event.is_first and not _exists(event.job_id)):
        batch_items.write(setting("NAME_INDEX_TABLE"), ({"DeleteRequest": {"Key": key}} for key in keys))


def jobs_with(account: str, word: str) -> set[str] | None:
    """The ids of the jobs with this word (case folded, not empty) in their name; None where it is not rare.

    Where the word is longer than an entry, only its beginning is compared: some of the jobs may not have all of it.
    """
    if not name_index.is_possible(word):
        return set()
    answer = dynamodb.client().query(
        TableName=setting("NAME_INDEX_TABLE"),
        KeyConditionExpression="part = :part AND begins_with(entry, :word)",
        ExpressionAttributeValues={
            ":part": {"S": name_index.partition(account, word)},
            ":word": {"S": name_index.truncate(word)},
        },
        ProjectionExpression="entry",
        Limit=MAX_RARE + 1,
    )
    if len(answer["Items"]) > MAX_RARE or "LastEvaluatedKey" in answer:
        return None
    return {name_index.job_of(item["entry"]["S"]) for item in answer["Items"]}


def _exists(job_id: str) -> bool:
    try:
        job_store.get(job_id)
    except NotFound:
        return False
    return True


def _key(part: str, entry: str) -> batch_items.Image:
    return {"part": {"S": part}, "entry": {"S": entry}}

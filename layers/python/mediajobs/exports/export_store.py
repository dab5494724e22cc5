"""Exports table: exports that outlived their request."""

from typing import Any, Literal, cast

from pynamodb.attributes import JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from ulid import ULID

from mediajobs import clock
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.aws.dynamodb import FromEnvironment, TableModel
from mediajobs.errors import NotFound
from mediajobs.exports.export import Export


class ExportRow(TableModel):
    """Exports table: one that outlived its request. Times are in seconds since 1970; until `held_until` the run that
    `holder` names goes on with it, and nobody else."""

    class Meta:
        table_name = FromEnvironment("EXPORTS_TABLE")

    export_id = UnicodeAttribute(hash_key=True)
    account = UnicodeAttribute()
    status = UnicodeAttribute()
    export = JSONAttribute()
    holder = UnicodeAttribute(null=True)
    held_until = NumberAttribute()
    heard_at = NumberAttribute()
    expires = NumberAttribute()


RETENTION_SECONDS = 24 * 3600
_SILENT_SECONDS = 2 * 3600  # longer than all tries of its message take
State = Literal["running", "ready", "failed"]


class LockedElsewhere(Exception):
    """Somebody else goes on with this export just now."""


def find(export_id: str, *, account: str) -> tuple[State, Export]:
    """Raises NotFound, for somebody else's export too."""
    row = read(export_id)
    if row is None or row.account != account:
        raise NotFound("export", export_id)
    return state_of(row), Export.model_validate(row.export)


def lock(export_id: str, seconds: int, *, from_anybody: bool = False) -> tuple[ExportRow, str] | None:
    """The export for this run alone, and the run's name; None where it does not run (any more).

    Raises LockedElsewhere.
    """
    holder, now = str(ULID()), clock.seconds()
    row, free = ExportRow(export_id), ExportRow.status == "running"
    if not from_anybody:
        free &= ExportRow.held_until <= now
    actions: list[Action] = [
        ExportRow.holder.set(holder),
        ExportRow.held_until.set(now + seconds),
        ExportRow.heard_at.set(now),
    ]
    if write_if_allowed(lambda: row.update(actions, condition=free)):
        return row, holder
    found = read(export_id)
    if found is not None and found.status == "running":
        raise LockedElsewhere(export_id)
    return None


def save(export: Export, holder: str, *, release: bool = False) -> None:
    """Raises LockedElsewhere where another run has taken over."""
    actions = [ExportRow.export.set(export.model_dump(mode="json")), ExportRow.heard_at.set(clock.seconds())]
    _change(export, holder, [*actions, *([ExportRow.held_until.set(0)] if release else [])])


def finish(export: Export, holder: str, state: State) -> None:
    _change(export, holder, [ExportRow.status.set(state), ExportRow.held_until.set(0)])


def _change(export: Export, holder: str, actions: list[Any]) -> None:
    held = ExportRow.holder == holder
    if not write_if_allowed(lambda: ExportRow(export.export_id).update(actions, condition=held)):
        raise LockedElsewhere(export.export_id)


def read(export_id: str) -> ExportRow | None:
    try:
        row = ExportRow.get(export_id, consistent_read=True)
    except DoesNotExist:
        return None
    return row if row.expires > clock.seconds() else None


def state_of(row: ExportRow) -> State:
    """Nothing runs for ever: what is not heard of any more has failed."""
    silent = clock.seconds() - row.heard_at > _SILENT_SECONDS
    return "failed" if row.status == "running" and silent else cast("State", row.status)

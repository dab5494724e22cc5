"""Exports table: exports that took longer than their request."""

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
    """A row of the table. Times are in seconds since 1970. Until `held_until`, only the run that `holder` names may
    change the export. `heard_at` is the time of the last change."""

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
_SILENT_SECONDS = 2 * 3600  # longer than all deliveries of its message take
State = Literal["running", "ready", "failed"]


class LockedElsewhere(Exception):
    """Another run holds the lease on this export."""


def find(export_id: str, *, account: str) -> tuple[State, Export]:
    """Returns the export and its state. Raises NotFound, also for an export of another account."""
    row = read(export_id)
    if row is None or row.account != account:
        raise NotFound("export", export_id)
    return state_of(row), Export.model_validate(row.export)


def lock(export_id: str, seconds: int, *, from_anybody: bool = False) -> tuple[ExportRow, str] | None:
    """Takes the lease on a running export for `seconds`. Returns the row, and the name that the lease is held by.

    `from_anybody` takes it from another run, too. Returns None where the export is not running (any more).
    Raises LockedElsewhere.
    """
    holder, now = str(ULID()), clock.seconds()
    row, condition = ExportRow(export_id), ExportRow.status == "running"
    if not from_anybody:
        condition &= ExportRow.held_until <= now
    actions: list[Action] = [
        ExportRow.holder.set(holder),
        ExportRow.held_until.set(now + seconds),
        ExportRow.heard_at.set(now),
    ]
    if write_if_allowed(lambda: row.update(actions, condition=condition)):
        return row, holder
    found = read(export_id)
    if found is not None and found.status == "running":
        raise LockedElsewhere(export_id)
    return None


def save(export: Export, holder: str, *, release: bool = False) -> None:
    """Stores the state of an export; `release` gives the lease back. Raises LockedElsewhere without the lease."""
    actions = [ExportRow.export.set(export.model_dump(mode="json")), ExportRow.heard_at.set(clock.seconds())]
    _change(export, holder, [*actions, *([ExportRow.held_until.set(0)] if release else [])])


def finish(export: Export, holder: str, state: State) -> None:
    """Sets the final state, and gives the lease back. Raises LockedElsewhere without the lease."""
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
    """Returns the state. A running export without a change for two hours has failed."""
    silent = clock.seconds() - row.heard_at > _SILENT_SECONDS
    return "failed" if row.status == "running" and silent else cast("State", row.status)

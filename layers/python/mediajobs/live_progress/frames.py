"""The states of a job that live progress sends: as frames for WebSockets, and as server-sent events."""

from typing import Literal

from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import job_document
from mediajobs.jobs.progress import Progress

RETRY_MS = 2000  # a browser waits so long before it requests the next event
_MAX_REPORTS = 10**6  # for each version of a job; further reports have the last sequence


class State(LazyModel):
    """The state of a job. `progress` is that of the current task, `overall_progress` that of the whole job, in percent.
    `sequence` only grows for a job, over all its attempts."""

    job_id: str
    status: Status
    current_task: str | None
    progress: float
    overall_progress: int
    updated_at: str
    sequence: int


class Frame(LazyModel):
    """`complete` says that the job has ended: completed, failed or cancelled."""

    event: Literal["progress", "complete"]
    data: State

    @property
    def is_last(self) -> bool:
        return self.event == "complete"


def frame_of(job: Job, progress: Progress | None) -> Frame:
    """Returns the frame of a job's present state."""
    document = job_document(job, progress, queue_position=None, model="")
    state = State(
        job_id=job.job_id,
        status=job.status,
        current_task=document.progress.current_task,
        progress=document.progress.current_task_progress or (100.0 if job.status is Status.COMPLETED else 0.0),
        overall_progress=document.progress.overall_progress,
        updated_at=document.updated_at,
        sequence=sequence_of(job, progress),
    )
    return Frame(event="complete" if job.status in TERMINAL else "progress", data=state)


def sequence_of(job: Job, progress: Progress | None) -> int:
    """Returns a number that orders the states of a job: by its version, then by the reports of the current attempt."""
    current = progress is not None and progress.attempt == job.attempt
    return job.version * _MAX_REPORTS + (min(progress.sequence, _MAX_REPORTS - 1) if progress and current else 0)


def as_events(frame: Frame, last_event_id: str | None) -> str | None:
    """Returns the frame as `text/event-stream` for a client that has received the event `last_event_id`.

    The end of a job is two events, `progress` and `complete`, so that a progress bar needs `progress` only. Returns
    None if the client has received the end.
    """
    if last_event_id == str(frame.data.sequence):
        return None if frame.is_last else f"retry: {RETRY_MS}\n\n"
    names = ["progress", "complete"] if frame.is_last else ["progress"]
    data = frame.data.model_dump_json()
    events = "".join(f"id: {frame.data.sequence}\nevent: {name}\ndata: {data}\n\n" for name in names)
    return f"retry: {RETRY_MS}\n{events}"

"""What those who watch a job are told of it: a frame for sockets, the same as server-sent events."""

from typing import Literal

from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import job_document
from mediajobs.jobs.progress import Progress

RETRY_MS = 2000  # how long a browser waits before it asks again
_REPORTS = 10**6  # of one version of a job; what comes beyond shares the last number


class State(LazyModel):
    """Where a job is. `progress`: of the current task, in percent; `overall_progress`: of the whole job.
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
    """The job's version first; within it, the reports of the attempt that runs."""
    current = progress is not None and progress.attempt == job.attempt
    return job.version * _REPORTS + (min(progress.sequence, _REPORTS - 1) if progress and current else 0)


def as_events(frame: Frame, last_event_id: str | None) -> str | None:
    """The frame as `text/event-stream`, for somebody who has seen that event; None where nothing is to come.

    An end is told twice, as `progress` and as `complete`: whoever draws a bar listens to the one alone.
    """
    known = last_event_id == str(frame.data.sequence)
    if known:
        return None if frame.is_last else f"retry: {RETRY_MS}\n\n"
    names = ["progress", "complete"] if frame.is_last else ["progress"]
    told = frame.data.model_dump_json()
    events = "".join(f"id: {frame.data.sequence}\nevent: {name}\ndata: {told}\n\n" for name in names)
    return f"retry: {RETRY_MS}\n{events}"

"""The statistics document that an account gets: its sums over a span of time."""

from datetime import datetime

from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import Status
from mediajobs.statistics import counters
from mediajobs.timestamps import rfc3339


class ProcessingMetrics(LazyModel):
    """Sums over completed jobs. `processing_efficiency` is seconds of media per 100 s of processing."""

    total_processing_time_seconds: float
    total_processing_time_hours: float
    total_video_duration_seconds: float
    total_video_duration_hours: float
    average_processing_time_seconds: float
    processing_efficiency: float


class Storage(LazyModel):
    """Bytes of sources and of outputs."""

    used_bytes: int
    source_bytes: int
    output_bytes: int


class Statistics(LazyModel):
    total_jobs: int
    status_breakdown: dict[Status, int]
    success_rate: float
    processing_metrics: ProcessingMetrics
    storage: Storage
    date_range: dict[str, str | None]


def statistics(counts: counters.Counts, first: datetime | None, last: datetime | None) -> Statistics:
    """`counts`: the account's sums; `first`, `last`: the span that the caller asked for, None for an open end."""
    by_status = counters.jobs_by_status(counts)
    total = sum(by_status.values())
    return Statistics(
        total_jobs=total,
        status_breakdown=by_status,
        success_rate=_ratio(100 * by_status[Status.COMPLETED], total),
        processing_metrics=_metrics(counts, by_status[Status.COMPLETED]),
        storage=storage(counts),
        date_range={"from": rfc3339(first) if first else None, "to": rfc3339(last) if last else None},
    )


def storage(counts: counters.Counts) -> Storage:
    sources, outputs = counts.get("source_bytes", 0), counts.get("output_bytes", 0)
    return Storage(used_bytes=sources + outputs, source_bytes=sources, output_bytes=outputs)


def _metrics(counts: counters.Counts, completed: int) -> ProcessingMetrics:
    processing, media = counts.get("processing_ms", 0) / 1000, counts.get("media_ms", 0) / 1000
    return ProcessingMetrics(
        total_processing_time_seconds=processing,
        total_processing_time_hours=round(processing / 3600, 2),
        total_video_duration_seconds=media,
        total_video_duration_hours=round(media / 3600, 2),
        average_processing_time_seconds=_ratio(processing, completed),
        processing_efficiency=_ratio(100 * media, processing),
    )


def _ratio(part: float, whole: float) -> float:
    """Rounded to two decimal places; 0 where `whole` is 0."""
    return round(part / whole, 2) if whole else 0.0

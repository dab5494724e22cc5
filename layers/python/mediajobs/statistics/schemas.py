"""The statistics document: an account's sums over a span of time, told to its owner."""

from datetime import datetime

from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import Status
from mediajobs.statistics import counters
from mediajobs.timestamps import rfc3339


class ProcessingMetrics(LazyModel):
    """Over completed jobs. `processing_efficiency` is seconds of media per 100 s of processing."""

    total_processing_time_seconds: float
    total_processing_time_hours: float
    total_video_duration_seconds: float
    total_video_duration_hours: float
    average_processing_time_seconds: float
    processing_efficiency: float


class Storage(LazyModel):
    """Bytes of sources and of what was made of them."""

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


def statistics(tally: counters.Counts, first: datetime | None, last: datetime | None) -> Statistics:
    counts = counters.jobs_by_status(tally)
    total = sum(counts.values())
    return Statistics(
        total_jobs=total,
        status_breakdown=counts,
        success_rate=_ratio(100 * counts[Status.COMPLETED], total),
        processing_metrics=_metrics(tally, counts[Status.COMPLETED]),
        storage=storage(tally),
        date_range={"from": rfc3339(first) if first else None, "to": rfc3339(last) if last else None},
    )


def storage(tally: counters.Counts) -> Storage:
    sources, outputs = tally.get("source_bytes", 0), tally.get("output_bytes", 0)
    return Storage(used_bytes=sources + outputs, source_bytes=sources, output_bytes=outputs)


def _metrics(tally: counters.Counts, completed: int) -> ProcessingMetrics:
    spent, media = tally.get("processing_ms", 0) / 1000, tally.get("media_ms", 0) / 1000
    return ProcessingMetrics(
        total_processing_time_seconds=spent,
        total_processing_time_hours=round(spent / 3600, 2),
        total_video_duration_seconds=media,
        total_video_duration_hours=round(media / 3600, 2),
        average_processing_time_seconds=_ratio(spent, completed),
        processing_efficiency=_ratio(100 * media, spent),
    )


def _ratio(part: float, whole: float) -> float:
    """To two places; 0 of nothing."""
    return round(part / whole, 2) if whole else 0.0

"""What one job contributes to the statistics: see `mediajobs.statistics.counters`."""

from collections import Counter

from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.media.renditions import RENDITIONS


def counts_of(job: Job) -> Counter[str]:
    """The counts of one job: 1 for its status and priority, its bytes, and when it is completed its work in ms."""
    counts = Counter({f"jobs.{job.status}.{job.priority}": 1})
    counts["output_bytes"] += sum(output.size_bytes or 0 for output in job.outputs.values())
    counts["source_bytes"] += _source_bytes(job)
    if job.status is Status.COMPLETED and job.source is not None:
        media_ms = round(1000 * job.source.duration_seconds)
        counts["processing_ms"] += round(1000 * job.processing_time.get("total_seconds", 0))
        counts["media_ms"] += media_ms
        counts["transcoded_ms"] += media_ms if _has_any(job, *RENDITIONS) else 0
        counts["transcribed_ms"] += media_ms if _has_any(job, "transcript_txt") else 0
    return counts


def _source_bytes(job: Job) -> int:
    """The bytes that are stored, or are being uploaded.

    A source that is fetched from a URL is stored once it is validated, so its announced size does not count.
    """
    if job.source is not None:
        return job.source.size_bytes
    return 0 if job.source_url else job.size_bytes or 0


def _has_any(job: Job, *outputs: str) -> bool:
    return any(name in job.outputs and job.outputs[name].available for name in outputs)

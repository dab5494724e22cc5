"""What one job adds to the statistics."""

from collections import Counter

from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.media.outputs import RENDITIONS


def counts_of(job: Job) -> Counter[str]:
    """What one job adds: to the jobs of its status and priority, and when it is completed to the sums of work."""
    tally = Counter({f"jobs.{job.status}.{job.priority}": 1})
    tally["output_bytes"] += sum(output.size_bytes or 0 for output in job.outputs.values())
    tally["source_bytes"] += _source_bytes(job)
    if job.status is Status.COMPLETED and job.source is not None:
        media = round(1000 * job.source.duration_seconds)
        tally["processing_ms"] += round(1000 * job.processing_time.get("total_seconds", 0))
        tally["media_ms"] += media
        tally["transcoded_ms"] += media if _made(job, *RENDITIONS) else 0
        tally["transcribed_ms"] += media if _made(job, "transcript_txt") else 0
    return tally


def _source_bytes(job: Job) -> int:
    """What is stored, or on its way. What a URL leads to is there once it is validated, whatever was announced."""
    if job.source is not None:
        return job.source.size_bytes
    return 0 if job.source_url else job.size_bytes or 0


def _made(job: Job, *outputs: str) -> bool:
    return any(name in job.outputs and job.outputs[name].available for name in outputs)

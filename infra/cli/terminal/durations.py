"""Formats durations and remaining times for people."""

from infra.cli.api.documents import Job


def format_remaining(job: Job) -> str:
    """The position in the queue or the ETA, as a range if its ends differ. Empty if nothing is known."""
    eta, position = job.progress.eta_seconds, job.progress.queue_position
    if job.status == "queued" and position:
        return f"place {position}"
    if eta is None or job.finished:
        return ""
    low, high = (round(end) for end in job.progress.eta_range or (eta, eta))
    if 0 < low < high < 100:
        return f"{low} to {format_duration(high)} left"
    return f"{format_duration(eta)} left"


def format_duration(seconds: float) -> str:
    """For example 0.4 s, 12 s, 3:20 min, 1:02 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    count, unit = (round(seconds), "min") if seconds < 3599.5 else (round(seconds / 60), "h")
    return f"{count // 60}:{count % 60:02d} {unit}"

"""Durations in words."""

from infra.cli.api.documents import Job


def remaining(job: Job) -> str:
    """The place in the queue, or the ETA in words: a range where its ends differ, nothing where nothing is known."""
    eta, place = job.progress.eta_seconds, job.progress.queue_position
    if job.status == "queued" and place:
        return f"place {place}"
    if eta is None or job.finished:
        return ""
    low, high = (round(end) for end in job.progress.eta_range or (eta, eta))
    return f"{low} to {duration(high)} left" if 0 < low < high < 100 else f"{duration(eta)} left"


def duration(seconds: float) -> str:
    """Seconds for people: 0.4 s, 12 s, 3:20 min, 1:02 h."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    whole, unit = (round(seconds), "min") if seconds < 3599.5 else (round(seconds / 60), "h")
    return f"{whole // 60}:{whole % 60:02d} {unit}"

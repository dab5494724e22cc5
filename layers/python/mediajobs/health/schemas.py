"""Documents of the service and its health."""

from typing import Literal

from mediajobs.base_model import LazyModel, omitted_when_none


class Home(LazyModel):
    service: str = "mediajobs"
    version: str
    health: str = "/health"
    jobs: str = "/jobs"


class Health(LazyModel):
    status: str = "healthy"


class ServiceHealth(LazyModel):
    """The state of one part of the service. `workers`: the number of live workers, where workers run the tasks and not
    Batch."""

    status: Literal["healthy", "warning", "degraded", "unhealthy"]
    latency_ms: float | None = omitted_when_none()
    workers: int | None = omitted_when_none()


class DiskHealth(ServiceHealth):
    """The fullest of the workers' disks; without workers, the function's own."""

    total_gb: float | None = omitted_when_none()
    used_gb: float | None = omitted_when_none()
    free_gb: float | None = omitted_when_none()
    free_percent: float | None = omitted_when_none()


class ServicesHealth(LazyModel):
    dynamodb: ServiceHealth
    s3: ServiceHealth
    stepfunctions: ServiceHealth
    eventbridge: ServiceHealth
    compute: ServiceHealth
    webhooks: ServiceHealth
    disk: DiskHealth


class DetailedHealth(LazyModel):
    """`overall` is `degraded` where a part does not work, else `warning` where one may soon stop working."""

    overall: Literal["healthy", "warning", "degraded"]
    services: ServicesHealth

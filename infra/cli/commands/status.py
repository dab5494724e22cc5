"""`mediajobs status` and `mediajobs watch`."""

from infra.cli.job_workflow import show_result, watch_job
from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, JobId, Watch, connect
from infra.cli.terminal.job_display import display_for


def status(
    job_id: JobId, watch: Watch = False, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Show the progress of a job, and its outputs when it is finished.

    Exit code 1 if the job failed or was cancelled.
    """
    client, out = connect(api_url, api_key), console()
    with display_for(out, as_json=as_json) as display:
        if watch:
            job = watch_job(client, job_id, display)
        else:
            job = client.job(job_id)
            display.show(job)
    if job.finished:
        show_result(client, job, out, as_json=as_json)


def watch(job_id: JobId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Show the progress of a job until it is finished.

    Uses the WebSocket, or else server-sent events. Exit code 1 if the job failed or was cancelled.
    """
    status(job_id, watch=True, as_json=as_json, api_url=api_url, api_key=api_key)

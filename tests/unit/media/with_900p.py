"""Run by test_another_rendition, with an entry for 900p."""

from pathlib import Path
from typing import Any

import pytest
from chalice.test import Client
from pydantic import ValidationError
from typer.testing import CliRunner

from infra.cli.api import documents, downloads
from infra.cli.main import app as cli
from mediajobs.jobs import contribution, eta
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job, OutputSummary
from mediajobs.jobs.presenter import job_document
from mediajobs.jobs.progress import TaskProgress, current_task, overall_percent
from mediajobs.jobs.schemas import CreateJob
from mediajobs.media import ladder
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.options import Options
from mediajobs.media.renditions import RENDITIONS
from mediajobs.media.source import SourceFacts, VideoFacts
from mediajobs.media.tasks import STAGES, WEIGHTS, tasks_for
from mediajobs.pipeline.task_results import branches, processing_time
from mediajobs.storage.object_keys import download_name, output_key
from mediajobs.webhooks.event_schemas import JobCompleted
from mediajobs.webhooks.payloads import payload
from statemachine.tasks import ffmpeg_command, position
from tests.support.functions import load

ONLY = Options(renditions=["900p"], audio=False, thumbnail=False, storyboard=False, transcription={"enabled": False})
MOMENT = "2026-11-27T12:00:00.000Z"
VIDEO = VideoFacts(
    index=0,
    codec="h264",
    width=3840,
    height=2160,
    rotation=0,
    frame_rate=25,
    pix_fmt="yuv420p",
    hdr=False,
    variable_frame_rate=False,
)
SOURCE = SourceFacts(container="mp4", duration_seconds=60, size_bytes=8, sha256="", video=VIDEO, audio=None)

OUTPUT = OutputSummary(available=True, size_bytes=4, segments_count=2, width=1600, height=900)


def job(options: Options = ONLY, *made: str) -> Job:
    return Job(
        job_id="J",
        account="acme",
        status=Status.COMPLETED,
        filename="talk.mov",
        options=options,
        created_at=MOMENT,
        updated_at=MOMENT,
        source=SOURCE,
        outputs=dict.fromkeys(made, OUTPUT),
        processing_time={"transcode_900p_seconds": 1.5, "total_seconds": 2.0},
    )


def document_of(job: Job) -> Any:
    return job_document(job, None, queue_position=None, model="base").model_dump(mode="json")


def test_options_take_it_and_do_not_ask_for_it_by_themselves() -> None:
    body = {"filename": "talk.mp4", "options": {"renditions": ["900p", "360p"]}}
    assert CreateJob.model_validate(body).options.renditions == ["900p", "360p"]
    assert Options().renditions == ["360p", "720p"]
    with pytest.raises(ValidationError, match="'1440p', '2160p' or '900p'"):
        Options(renditions=["4K"])


def test_its_task_is_one_of_the_media_stage() -> None:
    assert tasks_for(ONLY) == ("validate_video", "store_source", "transcode_900p", "prepare_hls", "upload_outputs")
    assert "transcode_900p" not in tasks_for(Options())
    assert "transcode_900p" in STAGES["media"]
    assert STAGES["media"][-1] == "upload_outputs"
    assert branches(ONLY, SOURCE) == {"media": True, "transcribe": False}


def test_it_weighs_more_than_a_smaller_one() -> None:
    assert WEIGHTS["transcode_900p"] == 39
    tasks = {name: TaskProgress(status="running") for name in ("transcode_720p", "transcode_900p")}
    assert current_task(Status.TRANSCODING, tasks) == "transcode_900p"
    tasks["transcode_900p"].progress = 100
    assert overall_percent(Status.TRANSCODING, tasks) == 100 * 39 // (39 + 25)
    assert eta.estimate(100, tasks, {"media": [1, 0, 1]}, "base") == (40, 39, 40)


def test_the_ladder_and_ffmpegs_command_have_it(tmp_path: Path) -> None:
    plan = ladder.plan(SOURCE, Options(renditions=["360p", "900p"], audio=False, thumbnail=False, storyboard=False))
    assert [rendition.name for rendition in plan.renditions] == ["900p", "360p"]
    assert position.tasks_of(plan) == ["transcode_900p", "transcode_360p", "prepare_hls"]
    pipes = {
        name: number for number, name in enumerate(("900p", "360p", "hls_audio", "pictures", "samples", "progress"))
    }
    arguments = ffmpeg_command.command(plan, pipes, tmp_path)
    assert arguments[arguments.index("-maxrate:v:0") + 1] == "5000000"
    assert "-s 1600x900" in " ".join(arguments)


def test_a_document_has_it_where_it_was_asked_for() -> None:
    document = document_of(job(ONLY, "900p"))
    assert list(document["outputs"]) == [
        "360p", "720p", "900p", "audio", "thumbnail", "storyboard", "transcription", "hls",
    ]  # fmt: skip
    assert document["outputs"]["900p"] == {
        "available": True,
        "size_bytes": 4,
        "download_url": "/jobs/J/download/900p",
        "reason": None,
        "compression_ratio": 2.0,
        "width": 1600,
        "height": 900,
    }
    assert document["outputs"]["hls"]["900p"]["playlist_url"] == "/stream/J/900p/playlist.m3u8"
    assert document["outputs"]["hls"]["master_url"] == "/stream/J/master.m3u8"
    assert document["processing_time"]["transcode_900p_seconds"] == 1.5


def test_a_document_lacks_it_elsewhere() -> None:
    document = document_of(job(Options(), "360p"))
    assert list(document["outputs"])[:3] == ["360p", "720p", "audio"]
    assert list(document["outputs"]["hls"]) == ["360p", "720p", "audio", "captions", "master_url"]
    assert "transcode_900p_seconds" not in document["processing_time"]


def test_its_seconds_and_minutes_are_counted() -> None:
    manifest = TaskManifest(task="media", attempt=1, outputs=[], seconds={"transcode_900p": 1.5})
    assert processing_time([manifest], 2) == {"transcode_900p_seconds": 1.5, "total_seconds": 2}
    assert contribution.counts_of(job(ONLY, "900p"))["transcoded_ms"] == 60_000


@pytest.mark.parametrize(("made", "paths"), [(["900p"], {"900p": "/jobs/J/download/900p"}), ([], {})])
def test_webhooks_have_it_where_it_was_made(made: list[str], paths: dict[str, str]) -> None:
    known = {"job_id": "J", "account": "acme", "filename": "talk.mov", "batch_id": None, "updated_at": MOMENT}
    event = JobEvent(event_id="J-1", status="completed", version=1, attempt=1, priority=5, outputs=made, **known)
    body = payload(event, 100)
    nothing = dict.fromkeys(["360p", "720p", "audio", "thumbnail", "transcription"])
    assert body["data"]["outputs"] == nothing | paths
    assert JobCompleted.model_validate(body).model_dump() == body


def test_it_has_a_key_and_a_name_to_download() -> None:
    assert output_key("J", "900p") == "outputs/J/900p.mp4"
    assert download_name("talk.mov", "900p") == "talk-900p.mp4"


def test_the_api_describes_it() -> None:
    with Client(load("api").app) as client:
        described = client.http.get("/openapi.json").json_body
        assert "900p" in client.http.get("/docs").body.decode()
    enums = {
        parameter["name"]: parameter["schema"].get("enum", [])
        for methods in described["paths"].values()
        for operation in methods.values()
        for parameter in operation["parameters"]
    }
    assert enums["rendition"] == [*RENDITIONS, "audio"]
    assert "900p" in enums["output"]
    schemas = described["components"]["schemas"]
    assert schemas["Options"]["properties"]["renditions"]["items"]["enum"] == list(RENDITIONS)
    for name in ("OutputsDocument", "HlsDocument", "OutputPaths"):
        assert "900p" in schemas[name]["properties"]
        assert "900p" not in schemas[name]["required"]
        assert {"360p", "720p"} <= set(schemas[name]["required"])


def test_the_command_line_takes_it_and_shows_it() -> None:
    answer = CliRunner().invoke(cli, ["submit", "--help"], env={"COLUMNS": "160"})
    assert "1440p|2160p|900p" in answer.output
    read = documents.Job.read(document_of(job(ONLY, "900p")))
    assert downloads.available_outputs(read) == ["900p"]

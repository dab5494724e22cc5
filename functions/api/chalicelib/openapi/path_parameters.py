"""The path parameters by name, with their meanings and their allowed values."""

from typing import Any

from mediajobs.api.request_types import BATCH_ID
from mediajobs.ids import DELIVERY_ID, JOB_ID, WEBHOOK_ID
from mediajobs.media.hls_playlists import AUDIO
from mediajobs.media.outputs import DOWNLOADS
from mediajobs.media.renditions import RENDITIONS

PATH: dict[str, dict[str, Any]] = {
    "job_id": {"description": "The job's id.", "schema": {"type": "string", "pattern": f"^{JOB_ID.pattern}$"}},
    "export_id": {"description": "The export's id.", "schema": {"type": "string", "pattern": f"^{JOB_ID.pattern}$"}},
    "webhook_id": {
        "description": "The webhook's id.",
        "schema": {"type": "string", "pattern": f"^{WEBHOOK_ID.pattern}$"},
    },
    "delivery_id": {
        "description": "The delivery's id.",
        "schema": {"type": "string", "pattern": f"^{DELIVERY_ID.pattern}$"},
    },
    "output": {"description": "The output to download.", "schema": {"type": "string", "enum": list(DOWNLOADS)}},
    "rendition": {
        "description": "The rendition, or `audio` for the sound alone.",
        "schema": {"type": "string", "enum": [*RENDITIONS, AUDIO]},
    },
    "captions_playlist": {
        "description": "The language of the captions as in the job's document, and `.m3u8`: `en.m3u8`.",
        "schema": {"type": "string", "pattern": r"^[a-z]{2,3}\.m3u8$"},
    },
    "batch_id": {
        "description": "The `batch_id` that its jobs were created with.",
        "schema": {"type": "string", "pattern": BATCH_ID},
    },
}

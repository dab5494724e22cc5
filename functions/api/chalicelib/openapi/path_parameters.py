"""The parameters in paths, by name: what they mean, and what may stand there."""

from typing import Any

from mediajobs.ids import DELIVERY_ID, JOB_ID, WEBHOOK_ID
from mediajobs.storage.object_keys import OUTPUT_KEYS

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
    "output": {"description": "What to download.", "schema": {"type": "string", "enum": list(OUTPUT_KEYS)}},
    "rendition": {"description": "Which rendition.", "schema": {"type": "string", "enum": ["360p", "720p"]}},
    "batch_id": {
        "description": "The `batch_id` that its jobs were created with.",
        "schema": {"type": "string", "pattern": r"^[\w.:-]{1,64}$"},
    },
}

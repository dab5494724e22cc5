"""The JSON of log lines, without secrets: every function and task writes its log through `to_json`.

No line is meant to have a secret. This is for those that come in by another way: in a path that a client made up, in
the message of an error, in a traceback.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

_SECRETS = (
    (re.compile(r"mj_([0-9A-Za-z]{12})_[0-9A-Za-z]+"), r"mj_\1_REDACTED"),  # an API key; its id may be read
    (re.compile(r"mjt1(?:\.|%2[Ee])[0-9A-Za-z._%-]*"), "mjt1.REDACTED"),  # a job token
    (re.compile(r"whsec_[0-9A-Za-z+/=_-]+"), "whsec_REDACTED"),  # the secret of a webhook
    # The query of a presigned URL, and a credential in any query, whole or not.
    (
        re.compile(r"\b((?:X-Amz-(?:Signature|Credential|Security-Token)|api_key|token)=)[^&\s\"'\\]+", re.IGNORECASE),
        r"\1REDACTED",
    ),
)


def to_json(line: Mapping[str, Any]) -> str:
    """Returns a log line as JSON, with secrets replaced. A value that JSON does not know is written as its text."""
    return redacted(json.dumps(line, default=str, ensure_ascii=False))


def redacted(text: str) -> str:
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text

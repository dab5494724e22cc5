"""A log line never has a secret, however it came in."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.accounts.api_keys import assemble_key
from mediajobs.accounts.job_tokens import JobToken, sign
from mediajobs.log_format import to_json
from tests.support.template import ROOT

KEY = assemble_key("AbCdEf012345", "s3cr3t" * 5 + "xx")
TOKEN = sign(JobToken("AbCdEf012345", "01ARZ3NDEKTSV4RRFFQ69G5FAV", 1_772_366_400), b"secret")
SIGNED = "X-Amz-Credential=AKIA%2F20261127&X-Amz-Security-Token=IQoJb3Jp%2B%2F&X-Amz-Signature=0a1b2c3d&x=1"
SECRETS = (KEY.rpartition("_")[2], TOKEN.rpartition(".")[2], "whsecret", "AKIA", "IQoJb3Jp", "0a1b2c3d", "t0k3n")
TEXTS = st.sampled_from(
    (KEY, TOKEN, "whsec_whsecretABC+/=", f"https://s3/x?{SIGNED}", "?api_key=t0k3n", "&token=t0k3n")
)
AROUND = st.text(st.characters(exclude_categories=("L", "N", "Cs"), exclude_characters="%+/=_-.&"), max_size=5)


@given(secret=TEXTS, before=AROUND, after=AROUND, deep=st.booleans())
def test_a_secret_is_replaced_wherever_it_is(secret: str, before: str, after: str, deep: bool) -> None:  # noqa: FBT001
    text = before + secret + after
    line: dict[str, Any] = {"message": {"path": [text]} if deep else text, "status": 401}
    written = to_json(line)
    assert not [part for part in SECRETS if part in written]
    assert json.loads(written)["status"] == 401


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())), max_size=4))
def test_any_line_stays_json(line: dict[str, Any]) -> None:
    assert json.loads(to_json(line)).keys() == json.loads(json.dumps(line)).keys() or "REDACTED" in to_json(line)


def test_what_is_no_secret_stays() -> None:
    line = {"path": "/jobs/01ARZ3NDEKTSV4RRFFQ69G5FAV", "key_id": "AbCdEf012345", "note": "a token of mj_x", "at": 1.5}
    assert json.loads(to_json(line)) == line
    assert "mj_AbCdEf012345_REDACTED" in to_json({"path": KEY})
    assert json.loads(to_json({"what": ValueError("no")})) == {"what": "no"}


@pytest.mark.parametrize("folder", ["functions", "statemachine"])
def test_every_logger_writes_so(folder: str) -> None:
    sources = [path.read_text() for path in (ROOT / folder).rglob("*.py")]
    made = [call for source in sources for call in re.findall(r"\bLogger\(([^)]*)\)", source)]
    assert made
    assert [call for call in made if not re.search("json_serializer=log_format.to_json|child=True", call)] == []

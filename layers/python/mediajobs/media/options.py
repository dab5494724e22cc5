"""What a job is asked to make."""

from typing import Annotated, Literal

from pydantic import GetPydanticSchema, StrictBool
from pydantic_core import core_schema

from mediajobs.api.request_types import Body
from mediajobs.api.size_limits import AtMost
from mediajobs.api.string_formats import Pattern
from mediajobs.media.renditions import DEFAULT_RENDITIONS, RENDITIONS

# To pydantic a Literal of the names in the table; mypy takes no Literal that is computed.
RenditionName = Annotated[str, GetPydanticSchema(lambda _type, _handler: core_schema.literal_schema(list(RENDITIONS)))]
_MAX_RENDITIONS = 2 * len(RENDITIONS)  # a name may come twice
_LANGUAGE = Pattern(
    r"^[a-z]{2,3}$", "write its code of two or three small letters, such as en, or null: then it is found"
)
_MODEL = Pattern(r"^[A-Za-z0-9._-]{1,64}$", "write a model's name, such as base, or null for the service's own choice")


class Transcription(Body):
    """`language` is an ISO 639-1 code, or null to let the model find it; `model` null means the service's default."""

    enabled: StrictBool = True
    language: Annotated[str, _LANGUAGE] | None = None
    model: Annotated[str, _MODEL] | None = None
    task: Literal["transcribe", "translate"] = "transcribe"


Quality = Literal["fast", "balanced", "small"]


class Options(Body):
    """Everything by default. HLS is made of the renditions and the sound: with `renditions: []` there is none.

    `quality` is the trade between the time that encoding takes and the size of the renditions. `storyboard` null makes
    one where the source lasts more than 30 s.
    """

    renditions: Annotated[list[RenditionName], AtMost(_MAX_RENDITIONS)] = DEFAULT_RENDITIONS
    quality: Quality = "balanced"
    audio: StrictBool = True
    thumbnail: StrictBool = True
    storyboard: StrictBool | None = None
    hls: StrictBool = True
    transcription: Transcription = Transcription()

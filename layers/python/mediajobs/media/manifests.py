"""The manifest of a stage: written last, as the proof that it is complete, with the index for HLS playlists."""

from pydantic import ConfigDict

from mediajobs.base_model import LazyModel


class _Entry(LazyModel):
    model_config = ConfigDict(frozen=True)


class Fragment(_Entry):
    """One moof/mdat pair of a fragmented MP4: offset and size in bytes, duration in seconds.

    `keyframe_size` is of its beginning that holds the first picture, in bytes from `offset`; None without video.
    """

    offset: int
    size: int
    duration: float
    keyframe_size: int | None = None


class Tiles(_Entry):
    """How a storyboard's sheet is made up: tiles of `width` times `height` pixels in rows of `columns`.

    There are `count`, one every `interval` seconds from `start` on.
    """

    width: int
    height: int
    columns: int
    count: int
    interval: float
    start: float


class JobWarning(_Entry):
    """Something odd about a source that did not stop its job: `track_skipped`, and a sentence for the owner."""

    code: str
    message: str


class Output(_Entry):
    """One object of a job. Bandwidths are measured, in bit/s; `codecs` is RFC 6381 (`avc1.64001f,mp4a.40.2`).

    A rendition carries its HLS index: `init_size` bytes of initialisation segment, then `fragments`.
    """

    name: str
    key: str
    size_bytes: int
    sha256: str
    content_type: str
    width: int | None = None
    height: int | None = None
    duration_seconds: float | None = None
    codecs: str | None = None
    peak_bandwidth: int | None = None
    average_bandwidth: int | None = None
    frame_rate: float | None = None
    init_size: int | None = None
    fragments: list[Fragment] = []
    tiles: Tiles | None = None


class Absent(_Entry):
    """An output that was requested but not made, and the reason: `720p`, `source is smaller than 720p`."""

    name: str
    reason: str


class TaskManifest(_Entry):
    """Everything that one stage made. `task` is the stage, `seconds` wall time by task, `facts` other results."""

    task: str
    attempt: int
    outputs: list[Output]
    absent: list[Absent] = []
    seconds: dict[str, float] = {}
    facts: dict[str, str | int | float | None] = {}
    warnings: list[JobWarning] = []

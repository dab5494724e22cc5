"""Uploads an output that can be played while ffmpeg encodes it, and indexes its fragments as the bytes pass."""

from mediajobs.errors import JobError
from mediajobs.media import hls_playlists
from mediajobs.media.fragment_index import FragmentIndex
from mediajobs.media.ladder import Size, TranscodePlan
from mediajobs.media.manifests import Output
from mediajobs.media.outputs import file_of
from mediajobs.storage.bucket_store import MediaBucket


class PlayedUpload:
    """Write, then close or abort, as with a StreamingUpload. `size` is None for the sound alone.

    The bytes come from a process that may have been taken over by its input: `write` raises JobError `transcode_failed`
    for what is no fragmented MP4, and `output_too_large` over `max_bytes`.
    """

    def __init__(self, name: str, size: Size | None, bucket: MediaBucket, key: str, *, max_bytes: int) -> None:
        self.name = name
        self._max_bytes = max_bytes
        self.index = FragmentIndex()
        self.stream = bucket.streaming_upload(key, file_of(name).content_type)
        self._size = size

    def write(self, data: bytes) -> None:
        if self.stream.size + len(data) > self._max_bytes:
            raise JobError("output_too_large", f"{self.name} has more than {self._max_bytes} bytes; export it anew")
        try:
            self.index.feed(data)
        except ValueError as error:
            raise self._no_mp4() from error
        self.stream.write(data)

    def abort(self) -> None:
        self.stream.abort()

    def close(self, plan: TranscodePlan) -> Output:
        """Completes the upload. Returns the output, with its HLS index where the plan has HLS.

        Raises JobError `transcode_failed` where nothing was written that can be played.
        """
        fragments = self.index.fragments
        if not fragments:
            raise self._no_mp4()
        stored = self.stream.close()
        return Output(
            name=self.name,
            **stored._asdict(),
            content_type=file_of(self.name).content_type,
            width=self._size.width if self._size else None,
            height=self._size.height if self._size else None,
            duration_seconds=round(self.index.duration, 3),
            codecs=self.index.codecs,
            peak_bandwidth=hls_playlists.peak_bandwidth(fragments),
            average_bandwidth=hls_playlists.average_bandwidth(fragments),
            frame_rate=float(plan.frame_rate) if plan.frame_rate and self._size else None,
            init_size=self.index.init_size if plan.hls else None,
            fragments=fragments if plan.hls else [],
        )

    def _no_mp4(self) -> JobError:
        return JobError("transcode_failed", f"{self.name} is no MP4 as it should be; export it anew")

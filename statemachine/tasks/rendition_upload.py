"""Uploads a rendition while ffmpeg encodes it, and indexes its fragments as the bytes pass."""

from mediajobs.media import hls_playlists
from mediajobs.media.fragment_index import FragmentIndex
from mediajobs.media.ladder import Rendition, TranscodePlan
from mediajobs.media.manifests import Output
from mediajobs.media.outputs import FILES
from mediajobs.storage.bucket_store import MediaBucket


class RenditionUpload:
    """Write, then close or abort, as with a StreamingUpload."""

    def __init__(self, rendition: Rendition, bucket: MediaBucket, key: str) -> None:
        self.rendition = rendition
        self.index = FragmentIndex()
        self.stream = bucket.streaming_upload(key, FILES[rendition.name].content_type)

    def write(self, data: bytes) -> None:
        self.index.feed(data)
        self.stream.write(data)

    def abort(self) -> None:
        self.stream.abort()

    def close(self, plan: TranscodePlan) -> Output:
        """Completes the upload. Returns the output, with its HLS index where the plan has HLS."""
        fragments = self.index.fragments
        stored = self.stream.close()
        return Output(
            name=self.rendition.name,
            **stored._asdict(),
            content_type=FILES[self.rendition.name].content_type,
            width=self.rendition.size.width,
            height=self.rendition.size.height,
            duration_seconds=round(self.index.duration, 3),
            codecs=self.index.codecs,
            peak_bandwidth=hls_playlists.peak_bandwidth(fragments),
            average_bandwidth=hls_playlists.average_bandwidth(fragments),
            frame_rate=float(plan.frame_rate) if plan.frame_rate else None,
            init_size=self.index.init_size if plan.hls else None,
            fragments=fragments if plan.hls else [],
        )

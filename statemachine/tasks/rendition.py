"""A rendition on its way: its bytes go to S3 and through the fragment index while ffmpeg makes them."""

from mediajobs.media import hls_playlists
from mediajobs.media.fragment_index import FragmentIndex
from mediajobs.media.ladder import Rendition, TranscodePlan
from mediajobs.media.manifests import Output
from mediajobs.media.outputs import FILES
from mediajobs.storage.bucket_store import MediaBucket


class Upload:
    """Write, then close or abort, as with a sink."""

    def __init__(self, rendition: Rendition, objects: MediaBucket, key: str) -> None:
        self.rendition = rendition
        self.index = FragmentIndex()
        self.sink = objects.streaming_upload(key, FILES[rendition.name].content_type)

    def write(self, data: bytes) -> None:
        self.index.feed(data)
        self.sink.write(data)

    def abort(self) -> None:
        self.sink.abort()

    def close(self, plan: TranscodePlan) -> Output:
        """Store it, with its HLS index where HLS is wanted."""
        fragments = self.index.fragments
        stored = self.sink.close()
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

"""The named tasks of a job: weight, stage, and which of them its options ask for."""

from mediajobs.media.options import Options

# Task -> its share of the whole, in the order in which clients see them.
WEIGHTS: dict[str, int] = {
    "validate_video": 5,
    "store_source": 5,
    "generate_thumbnail": 5,
    "transcode_360p": 25,
    "transcode_720p": 25,
    "extract_audio_mp3": 10,
    "transcribe_video": 15,
    "prepare_hls": 5,
    "upload_outputs": 5,
}


def tasks_for(options: Options) -> tuple[str, ...]:
    """The tasks that these options ask for, in order."""
    makes_media = bool(options.renditions) or options.audio or options.thumbnail
    asked = {
        "validate_video": True,
        "store_source": True,
        "generate_thumbnail": options.thumbnail,
        "transcode_360p": "360p" in options.renditions,
        "transcode_720p": "720p" in options.renditions,
        "extract_audio_mp3": options.audio,
        "transcribe_video": options.transcription.enabled,
        "prepare_hls": options.hls and bool(options.renditions),
        "upload_outputs": makes_media,
    }
    return tuple(task for task in WEIGHTS if asked[task])


# What one container does, by its command: the tasks, of which the last one ends last.
STAGES = {
    "validate": ("store_source", "validate_video"),
    "media": tuple(task for task in WEIGHTS if task not in {"validate_video", "store_source", "transcribe_video"}),
    "transcribe": ("transcribe_video",),
}

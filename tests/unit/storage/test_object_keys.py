"""Keys in the media bucket, and the names of downloads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.media.outputs import DOWNLOADS, file_of
from mediajobs.storage.object_keys import download_name, output_key

NAME_CHARACTERS = st.characters(blacklist_characters="/", blacklist_categories=("Cs", "Cc"))


@pytest.mark.parametrize(
    ("filename", "output", "name"),
    [
        ("holiday.mov", "360p", "holiday-360p.mp4"),
        ("holiday.mov", "source", "holiday.mov"),
        ("a.b.mov", "transcript_txt", "a.b.txt"),
        (".mov", "audio", ".mov.mp3"),
        ("ä" * 200, "thumbnail", "ä" * 120 + "-thumbnail.jpg"),
        ("x" * 255, "360p", "x" * 245 + "-360p.mp4"),
        ("字" * 100 + ".mp4", "source", "字" * 83 + ".mp4"),
    ],
)
def test_a_download_has_the_name_of_the_source(filename: str, output: str, name: str) -> None:
    assert download_name(filename, output) == name


@given(
    filename=st.text(NAME_CHARACTERS, min_size=1, max_size=255),
    output=st.sampled_from(DOWNLOADS),
)
def test_a_name_fits_a_file_system_and_keeps_its_suffix(filename: str, output: str) -> None:
    name = download_name(filename, output)
    assert 0 < len(name.encode()) < 255
    if output != "source":
        assert name.endswith(file_of(output).download_suffix)


def test_what_is_played_has_a_key_and_is_no_download() -> None:
    assert output_key("J", "hls_audio") == "outputs/J/audio.m4a"
    assert output_key("J", "storyboard_12") == "outputs/J/storyboard-12.jpg"
    assert [file_of(name).content_type for name in ("hls_audio", "storyboard_1")] == ["audio/mp4", "image/jpeg"]
    assert not {"hls_audio", "storyboard_1", "storyboard"} & set(DOWNLOADS)
    with pytest.raises(KeyError):
        output_key("J", "storyboard_x")

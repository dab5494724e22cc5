"""ffmpeg makes a rendition that the table of outputs has, whichever it is."""

from pathlib import Path

from tests.support import another_rendition


def test_one_entry_is_all_that_a_rendition_needs(tmp_path: Path) -> None:
    rung = 'Rung("540p", short_side=540, max_bitrate=2_000_000)'
    another_rendition.run(Path(__file__).with_name("with_540p.py"), rung, tmp_path)

"""A rendition is one entry in the table of outputs."""

from pathlib import Path

from tests.support import another_rendition


def test_one_entry_is_all_that_a_rendition_needs(tmp_path: Path) -> None:
    rung = 'Rung("900p", short_side=900, max_bitrate=5_000_000)'
    another_rendition.run(Path(__file__).with_name("with_900p.py"), rung, tmp_path)

"""Checks that an HLS player would find playlists and segments."""

import re
from urllib.parse import urljoin

from infra.cli.api.client import Client
from infra.cli.command_errors import CommandError
from infra.cli.text_format import pluralize

_URI = re.compile(r'URI="([^"]+)"')


def check_hls(client: Client, master_url: str) -> str:
    """Fetches the master playlist and every playlist that it names. Returns a summary. Raises CommandError."""
    address = client.address(master_url)
    master = client.text(address)
    variants, others = _addresses(master), _URI.findall(master)  # others: captions and I-frames
    segment_counts = [len(_addresses(client.text(urljoin(address, name)))) for name in (*variants, *others)]
    if not variants or not all(segment_counts):
        raise CommandError("The HLS playlists are empty.")
    segments = sum(segment_counts[: len(variants)])
    captions = ", with captions" if "TYPE=SUBTITLES" in master else ""
    return f"HLS plays: {pluralize(len(variants), 'rendition')}, {segments} segments{captions}"


def _addresses(playlist: str) -> list[str]:
    if not playlist.startswith("#EXTM3U"):
        raise CommandError(f"This is no HLS playlist: {playlist[:60]!r}")
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]

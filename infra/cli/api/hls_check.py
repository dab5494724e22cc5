"""Checks that an HLS player would find playlists and segments."""

from urllib.parse import urljoin

from infra.cli.api.client import Client
from infra.cli.command_errors import CommandError
from infra.cli.text_format import pluralize


def check_hls(client: Client, master_url: str) -> str:
    """Fetches the master playlist and every playlist that it names. Returns a summary. Raises CommandError."""
    address = client.address(master_url)
    renditions = _addresses(client.text(address))
    segment_counts = [len(_addresses(client.text(urljoin(address, rendition)))) for rendition in renditions]
    if not segment_counts or not all(segment_counts):
        raise CommandError("The HLS playlists are empty.")
    return f"HLS plays: {pluralize(len(segment_counts), 'rendition')}, {sum(segment_counts)} segments"


def _addresses(playlist: str) -> list[str]:
    if not playlist.startswith("#EXTM3U"):
        raise CommandError(f"This is no HLS playlist: {playlist[:60]!r}")
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]

"""Whether a player would get what it asks for."""

from urllib.parse import urljoin

from infra.cli.api.client import Client
from infra.cli.errors import CommandError


def check_hls(client: Client, master_url: str) -> str:
    """Asks for the master playlist and every playlist that it names; says what is there."""
    address = client.address(master_url)
    renditions = _addresses(client.text(address))
    segments = [len(_addresses(client.text(urljoin(address, one)))) for one in renditions]
    if not segments or not all(segments):
        raise CommandError("The HLS playlists are empty.")
    return f"HLS plays: {len(segments)} rendition{'s' * (len(segments) > 1)}, {sum(segments)} segments"


def _addresses(playlist: str) -> list[str]:
    if not playlist.startswith("#EXTM3U"):
        raise CommandError(f"This is no HLS playlist: {playlist[:60]!r}")
    return [line for line in playlist.splitlines() if line and not line.startswith("#")]

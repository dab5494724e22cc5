"""Refuses playlists, text and pictures by the first bytes of a source, so that ffmpeg never reads them."""

import re

from mediajobs.errors import JobError

SUPPORTED_FILES = "upload a video or audio file such as MP4, MOV, MKV, WebM, MP3 or WAV"
# Formats that make ffmpeg open other files, addresses or devices.
PLAYLIST = re.compile(
    rb"\s*(#EXTM3U|#EXT-X-|ffconcat version|\[playlist\]|\[reference\]|v=0\r?\n|(<\?xml[^>]*>\s*|<!--.*?-->\s*)*"
    rb"<(MPD|SmoothStreamingMedia|ASX|smil|imf|CompositionPlaylist)\b)",
    re.IGNORECASE | re.DOTALL,
)
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
PICTURE_SIGNATURES = (b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"8BPS", b"\xff\x0a")
PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"mif1", b"msf1", b"avif", b"avis")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # ids of Matroska's two outermost elements
CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def check(head: bytes) -> None:
    """Raises JobError for an empty file, a playlist, text or a picture. `head` is the first 64 KiB, or all if fewer."""
    if not head:
        raise JobError("empty_file", "the file is empty; upload it again")
    text = _without_byte_order_mark(head)
    if PLAYLIST.match(text):
        raise JobError(
            "playlist_refused", f"the file is a playlist, not media: playlists are not followed; {SUPPORTED_FILES}"
        )
    if not CONTROL_CHARACTER.search(text):
        raise JobError("not_media", f"the file is text, whatever its name says; {SUPPORTED_FILES}")
    if _is_picture(head):
        raise JobError("not_media", f"the file is a picture; {SUPPORTED_FILES}")


def is_cut_matroska(head: bytes, size: int) -> bool:
    """Whether a Matroska or WebM file of `size` bytes ends before its segment does (RFC 9559, RFC 8794)."""
    if not head.startswith(_EBML):
        return False
    segment = head.find(_SEGMENT, 0, 4096)
    length = _element_size(head[segment + len(_SEGMENT) : segment + len(_SEGMENT) + 8]) if segment > 0 else None
    return length is not None and segment + len(_SEGMENT) + length > size


def _element_size(data: bytes) -> int | None:
    """The size of an EBML element in bytes; None where it was not known when it was written."""
    width = 9 - data[0].bit_length() if data and data[0] else 0
    if not 1 <= width <= len(data):
        return None
    value = int.from_bytes(data[:width], "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else value


def _without_byte_order_mark(head: bytes) -> bytes:
    """`head` without its byte order mark; UTF-16 is reduced to one byte a letter."""
    for mark in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            head = head[len(mark) :]
            return head if mark == BYTE_ORDER_MARKS[0] else head.replace(b"\0", b"")
    return head


def _is_picture(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] in PICTURE_BRANDS
    return head.startswith(PICTURE_SIGNATURES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")

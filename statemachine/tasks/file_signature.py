"""Refuses playlists, text and pictures by the first bytes of a source, so that ffmpeg never reads them."""

import re

from mediajobs.errors import JobError

SUPPORTED_FILES = "upload a video or audio file such as MP4, MOV, MKV, WebM, MP3 or WAV"
BYTES = 64 << 10  # from the start of a source, by which it is told
# Formats that make ffmpeg open other files, addresses or devices.
_PLAYLIST_STARTS = (
    b"#extm3u", b"#ext-x-", b"ffconcat version", b"[playlist]", b"[reference]", b"v=0\r\n", b"v=0\n",
)  # fmt: skip
_PLAYLIST_ELEMENTS = (b"mpd", b"smoothstreamingmedia", b"asx", b"smil", b"imf", b"compositionplaylist")
_XML_PROLOG = {b"<?xml": b">", b"<!--": b"-->"}  # what may come before an XML document's element, and its end
_NAME_LETTER = re.compile(rb"[\w.:-]")
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
PICTURE_SIGNATURES = (b"\xff\xd8\xff", b"BM", b"II*\0", b"MM\0*", b"8BPS", b"\xff\x0a")
PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"mif1", b"msf1", b"avif", b"avis")
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # ids of Matroska's two outermost elements
CONTROL_CHARACTER = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def check(head: bytes) -> None:
    """Raises JobError for an empty file, a playlist, text or a picture. `head` is the first BYTES, or all if fewer."""
    if not head:
        raise JobError("empty_file", "the file is empty; upload it again")
    text = _without_byte_order_mark(head)
    if _is_playlist(text.lower()):
        raise JobError(
            "playlist_refused", f"the file is a playlist, not media: playlists are not followed; {SUPPORTED_FILES}"
        )
    if not CONTROL_CHARACTER.search(text):
        raise JobError("not_media", f"the file is text, whatever its name says; {SUPPORTED_FILES}")
    if _is_picture(head):
        raise JobError("not_media", f"the file is a picture; {SUPPORTED_FILES}")


def _is_playlist(text: bytes) -> bool:
    """Reads each byte once: a pattern that tries again at every comment would take forever on a file of comments."""
    position = _after_blanks(text, 0)
    if text.startswith(_PLAYLIST_STARTS, position):
        return True
    while end := next((end for start, end in _XML_PROLOG.items() if text.startswith(start, position)), b""):
        found = text.find(end, position)
        if found < 0:
            return False
        position = _after_blanks(text, found + len(end))
    return any(_is_element(text, position, name) for name in _PLAYLIST_ELEMENTS)


def _after_blanks(text: bytes, position: int) -> int:
    return len(text) - len(text[position:].lstrip())


def _is_element(text: bytes, position: int, name: bytes) -> bool:
    end = position + 1 + len(name)
    return text[position:end] == b"<" + name and not _NAME_LETTER.match(text, end)


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

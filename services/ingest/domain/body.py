"""From the bytes of a request to the bytes of a document: gzip with an output cap."""

import zlib

from services.ingest.domain.errors import BodyTooLarge, MalformedBody, UnsupportedEncoding

_GZIP = 16 + zlib.MAX_WBITS
_WINDOW_BYTES = 256 * 1024
"""What zlib gets at once: it copies what it leaves over, so members of 20 bytes would cost n²."""
_MOST_MEMBERS = 1_000
_BOM = b"\xef\xbb\xbf"


def inflate(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the document, never larger than the limit.

    Several gzip members in a row count together. Raises UnsupportedEncoding, MalformedBody,
    BodyTooLarge.
    """
    if encoding == "gzip":
        body = _gunzip(body, limit_bytes)
    elif encoding not in ("", "identity"):
        raise UnsupportedEncoding(f"content-encoding {encoding[:40]!r}: send gzip, or none")
    if len(body) > limit_bytes:
        raise BodyTooLarge(f"more than {limit_bytes} bytes")
    return body.removeprefix(_BOM)


def _gunzip(body: bytes, limit_bytes: int) -> bytes:
    if not body:
        raise MalformedBody("empty body")
    rest = memoryview(body)
    parts: list[bytes] = []
    room = limit_bytes + 1
    member = zlib.decompressobj(_GZIP)
    member_count = 1
    while rest:
        if member.eof:
            member = zlib.decompressobj(_GZIP)
            member_count += 1
            if member_count > _MOST_MEMBERS:
                raise MalformedBody(f"more than {_MOST_MEMBERS} gzip members")
        window = rest[:_WINDOW_BYTES]
        try:
            part = member.decompress(window, room)
        except zlib.error as error:
            raise MalformedBody("not gzip") from error
        room -= len(part)
        if room <= 0:
            raise BodyTooLarge(f"more than {limit_bytes} bytes after decompression")
        parts.append(part)
        # with room left nothing of the window stays unread, unless the member ended in it
        rest = rest[len(window) - len(member.unused_data) :]
    if not member.eof:
        raise MalformedBody("gzip stream cut off")
    return b"".join(parts)

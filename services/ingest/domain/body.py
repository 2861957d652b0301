"""From the bytes of a request to the bytes of a document: gzip with an output cap."""

import zlib

from services.ingest.domain.errors import BodyTooLarge, MalformedBody, UnsupportedEncoding

_GZIP = 16 + zlib.MAX_WBITS
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
    parts: list[bytes] = []
    room = limit_bytes + 1
    rest = body
    while rest:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(rest, room)
        except zlib.error as error:
            raise MalformedBody("not gzip") from error
        room -= len(part)
        if room <= 0:
            raise BodyTooLarge(f"more than {limit_bytes} bytes after decompression")
        if not member.eof:
            raise MalformedBody("gzip stream cut off")
        parts.append(part)
        rest = member.unused_data
    if not parts:
        raise MalformedBody("empty body")
    return b"".join(parts)

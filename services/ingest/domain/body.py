"""From the bytes of a request to the bytes of a document: every encoding with an output cap."""

import zlib

import cramjam

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


def inflate_any(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the document as `inflate` does, for clients that also send deflate, br or zstd."""
    if encoding == "deflate":
        body = _undeflate(body, limit_bytes)
    elif encoding in ("br", "zstd"):
        body = _decompress(body, encoding, limit_bytes)
    else:
        return inflate(body, encoding, limit_bytes)
    return body.removeprefix(_BOM)


def _undeflate(body: bytes, limit_bytes: int) -> bytes:
    """Inflate zlib's form, which HTTP means by deflate, or the bare one, which some send."""
    for window in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        stream = zlib.decompressobj(window)
        try:
            document = stream.decompress(body, limit_bytes + 1)
        except zlib.error:
            continue
        if len(document) > limit_bytes:
            raise BodyTooLarge(f"more than {limit_bytes} bytes after decompression")
        if stream.eof:
            return document
    raise MalformedBody("not deflate, or cut off")


def _decompress(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    # a buffer of the limit's size costs address space until it is written to
    room = bytearray(limit_bytes)
    codec = cramjam.brotli if encoding == "br" else cramjam.zstd
    try:
        size: int = codec.decompress_into(body, room)
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            raise BodyTooLarge(f"more than {limit_bytes} bytes after decompression") from error
        raise MalformedBody(f"not {encoding}, or cut off") from error
    return bytes(memoryview(room)[:size])


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

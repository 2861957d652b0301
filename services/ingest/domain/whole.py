"""The short way through a small batch: one search for secrets, one decode of all its events.

For a body that no event could be too large for, which is nearly every body. Whatever is out of the
ordinary (a secret that only the walk can judge, an event that does not decode, a second `events`)
gives up here, and the batch is read event by event.
"""

from collections import Counter

import msgspec

from services.ingest.domain.client_events import DecodedBatch, decoded_batch_decoder
from services.ingest.domain.limits import BatchLimits
from services.ingest.domain.redaction import Redaction

_EVENTS = b'"events":['


def decode_whole(
    body: bytes, limits: BatchLimits, redaction: Redaction, hits: Counter[str]
) -> DecodedBatch | None:
    """Return the batch redacted, or None where it has to be read event by event."""
    if len(body) > limits.event_bytes:
        return None
    start = body.find(_EVENTS) + len(_EVENTS) - 1
    if start < len(_EVENTS) or body.find(_EVENTS, start) >= 0:
        return None  # what is found might not be the batch's own
    stop = body.rfind(b"]") + 1
    # From bracket to bracket like one event: a secret is a part of one text in it all the same, and
    # what seems to reach from one event into the next is not plain.
    redacted = redaction.redact_raw([body[start:stop]], hits)
    if redacted.odd:
        return None
    patched = redacted.patched.get(0)
    if patched is not None:
        body = b"%b%b%b" % (body[:start], patched, body[stop:])
    try:
        body.decode()
        batch = decoded_batch_decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return batch if 0 < len(batch.events) <= limits.event_count else None

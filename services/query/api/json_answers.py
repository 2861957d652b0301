"""Answers that msgspec writes: rows go to JSON without a model between."""

import msgspec
from fastapi import Response

_encoder = msgspec.json.Encoder()


def json_answer(document: object) -> Response:
    """Return a document as it is."""
    return Response(_encoder.encode(document), media_type="application/json")

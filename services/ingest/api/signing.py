"""The HMAC of a body: what tells two batches of one identity apart."""

import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

Signature = Callable[[], bytes]
"""Gives the HMAC once it is needed."""

_BESIDE_BYTES = 128 * 1024
"""A smaller body is signed before another thread has begun."""


class BodySigner:
    """Signs large bodies in a thread of its own while the event loop reads them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="signing")

    def sign(self, body: bytes) -> Signature:
        """Begin to sign; what it returns waits only for work that is being done already."""
        if len(body) < _BESIDE_BYTES:
            signature = self._hmac(body)
            return lambda: signature
        begun = self._thread.submit(self._hmac, body)
        return lambda: self._hmac(body) if begun.cancel() else begun.result()

    def _hmac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, body, "sha256")

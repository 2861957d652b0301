"""Bodies are signed with the same HMAC, beside their reading or at once."""

import hmac
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from services.ingest.api.signing import BodySigner

SECRET = b"s" * 32


@pytest.mark.parametrize("size", [0, 1, 128 * 1024 - 1, 128 * 1024, 5 * 1024 * 1024])
def test_a_signature_is_the_hmac_of_the_whole_body(size: int) -> None:
    body = b"x" * size
    signature = BodySigner(SECRET).sign(body)
    assert signature() == hmac.digest(SECRET, body, "sha256") == signature()


def test_nobody_waits_for_a_thread_that_has_not_begun() -> None:
    signer, free = BodySigner(SECRET), Event()
    signer._thread.submit(free.wait)
    body = b"x" * (1024 * 1024)
    signature = signer.sign(body)
    with ThreadPoolExecutor(max_workers=1) as asking:
        try:
            assert asking.submit(signature).result(30) == hmac.digest(SECRET, body, "sha256")
        finally:
            free.set()

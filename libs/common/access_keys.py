"""The text form of ingest keys (`hw_<id>_<secret>`) and API tokens (`hwt_<id>_<secret>`)."""

import hashlib
import hmac


def hash_secret(secret: str) -> bytes:
    """Hash a random secret of full entropy: a fast hash is right, there is nothing to guess."""
    return hashlib.sha256(secret.encode()).digest()


def secret_matches(secret: str, expected_hash: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(hash_secret(secret), expected_hash)


def split_key(text: str, prefix: str) -> tuple[str, str] | None:
    """Split `<prefix>_<id>_<secret>`; None where the text has another form."""
    parts = text.split("_")
    if len(parts) != 3 or parts[0] != prefix or not text.isascii():
        return None
    if not (parts[1].isalnum() and parts[2].isalnum()) or len(text) > 200:
        return None
    return parts[1], parts[2]


def internal_signature(installation_secret: bytes, body: bytes) -> str:
    """Return what a service proves itself with on another's internal route: an HMAC of the body."""
    subkey = hmac.digest(installation_secret, b"internal", "sha256")
    return hmac.digest(subkey, body, "sha256").hex()

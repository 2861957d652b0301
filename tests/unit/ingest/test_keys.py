"""Who may post, and from where."""

from datetime import timedelta

import pytest

from libs.common.access_keys import hash_secret
from services.ingest.domain.errors import OriginRefused, Unauthorized
from services.ingest.domain.keys import (
    BROWSER_EVENTS_PER_MINUTE,
    authenticate,
    check_origin,
    origin_is_listed,
)
from tests.unit.ingest.making import NOW, SECRET, browser_key, key_record

KEYS = {
    "k1": key_record(),
    "off": key_record(id="off", is_enabled=False),
    "old": key_record(
        id="old",
        previous_secret_hash=hash_secret("before"),
        previous_valid_until=NOW + timedelta(hours=1),
    ),
    "half": key_record(id="half", previous_secret_hash=hash_secret("before")),
}


def test_a_key_is_known_by_id_and_secret() -> None:
    assert authenticate(KEYS, f"hw_k1_{SECRET}", NOW) is KEYS["k1"]


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "hw",
        "hw_k1",
        "hw_k1_",
        "hw__" + SECRET,
        "hw_k1_wrong",
        "hw_nobody_" + SECRET,
        "hwt_k1_" + SECRET,
        f"hw_k1_{SECRET}_more",
        f" hw_k1_{SECRET}",
        f"hw_k1_{SECRET}, hw_k1_{SECRET}",
        "hw_off_" + SECRET,
        "hw_half_before",
        "hw_k1_ſecret",
        "hw_k1_" + "s" * 10_000,
    ],
)
def test_anything_else_is_refused_alike(text: str | None) -> None:
    with pytest.raises(Unauthorized) as caught:
        authenticate(KEYS, text, NOW)
    assert caught.value.detail == "send a valid ingest key: Authorization: Bearer hw_…"


def test_the_previous_secret_works_until_its_time() -> None:
    assert authenticate(KEYS, "hw_old_before", NOW) is KEYS["old"]
    assert authenticate(KEYS, f"hw_old_{SECRET}", NOW) is KEYS["old"]
    with pytest.raises(Unauthorized):
        authenticate(KEYS, "hw_old_before", NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("origins", "origin", "is_listed"),
    [
        (("https://a.example.com",), "https://a.example.com", True),
        (("https://a.example.com",), "http://a.example.com", False),
        (("https://a.example.com",), "https://a.example.com:8443", False),
        (("https://a.example.com",), "https://a.example.com.evil.org", False),
        (("https://*.example.com",), "https://a.example.com", True),
        (("https://*.example.com",), "https://a.b.example.com", True),
        (("https://*.example.com",), "https://example.com", False),
        (("https://*.example.com",), "https://evilexample.com", False),
        (("https://*.example.com",), "http://a.example.com", False),
        (("https://*.example.com:8443",), "https://a.example.com:8443", True),
        (("*",), "https://anything.org", True),
        (("*",), "null", True),
        (("https://a.example.com",), "null", False),
        (("https://*.example.com",), "http://[", False),
        (("https://*.example.com",), "", False),
        (("https://*.",), "https://a.", False),
        ((), "https://a.example.com", False),
    ],
)
def test_origins(origins: tuple[str, ...], origin: str, is_listed: bool) -> None:
    assert origin_is_listed(origins, origin) is is_listed


def test_a_browser_key_needs_a_listed_origin() -> None:
    check_origin(browser_key(), "https://shop.example.com")
    for origin in (None, "null", "https://evil.org"):
        with pytest.raises(OriginRefused):
            check_origin(browser_key(), origin)


def test_a_server_key_needs_none_but_keeps_to_its_list() -> None:
    check_origin(key_record(), None)
    check_origin(key_record(), "https://anywhere.org")
    listed = key_record(origins=("https://shop.example.com",))
    check_origin(listed, None)
    check_origin(listed, "https://shop.example.com")
    with pytest.raises(OriginRefused):
        check_origin(listed, "https://anywhere.org")


def test_quotas_by_kind() -> None:
    assert key_record().quota_per_minute is None
    assert browser_key().quota_per_minute == BROWSER_EVENTS_PER_MINUTE
    assert browser_key(events_per_minute=5).quota_per_minute == 5

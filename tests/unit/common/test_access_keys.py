import pytest

from libs.common.access_keys import (
    hash_secret,
    internal_signature,
    secret_matches,
    split_key,
)


def test_key_splits_into_id_and_secret() -> None:
    assert split_key("hw_Ab1_Cd2", "hw") == ("Ab1", "Cd2")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hw",
        "hw__",
        "hw_a_",
        "hw__b",
        "hw_a_b_c",
        "hwt_a_b",
        "HW_a_b",
        " hw_a_b",
        "hw_a_b\n",
        "hw_a-_b",
        "hw_é_b",
        "hw_a_٣",
        "hw_a_" + "b" * 200,
    ],
)
def test_other_forms_are_no_key(text: str) -> None:
    assert split_key(text, "hw") is None


def test_prefixes_do_not_stand_for_one_another() -> None:
    assert split_key("hwt_a_b", "hwt") == ("a", "b")
    assert split_key("hw_a_b", "hwt") is None


def test_only_the_secret_itself_matches_its_hash() -> None:
    stored = hash_secret("right")

    assert secret_matches("right", stored)
    assert not secret_matches("wrong", stored)
    assert not secret_matches("", stored)
    assert b"right" not in stored


def test_internal_signature_depends_on_secret_and_body() -> None:
    signed = internal_signature(b"s" * 32, b"body")

    assert signed == internal_signature(b"s" * 32, b"body")
    assert signed != internal_signature(b"t" * 32, b"body")
    assert signed != internal_signature(b"s" * 32, b"bodY")

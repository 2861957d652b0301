"""Kafka's settings as aiokafka's arguments, and combinations that cannot be."""

import ssl
from pathlib import Path

import pytest

from libs.common.kafka.connection import connection_options
from libs.common.settings import KafkaSettings

PLAIN = KafkaSettings(bootstrap="a:1,b:2", security_protocol="PLAINTEXT")


@pytest.fixture
def with_password(tmp_path: Path) -> KafkaSettings:
    password = tmp_path / "password"
    password.write_text("secret\n")
    return PLAIN.model_copy(
        update={
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_username": "ann",
            "sasl_password_file": password,
        }
    )


def test_plaintext_needs_the_address_only() -> None:
    assert connection_options(PLAIN) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
    }


def test_a_password_comes_from_its_file_without_the_line_end(with_password: KafkaSettings) -> None:
    assert connection_options(with_password) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ann",
        "sasl_plain_password": "secret",
    }


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL"])
def test_tls_always_verifies(with_password: KafkaSettings, protocol: str) -> None:
    changed = with_password.model_copy(update={"security_protocol": protocol})
    context = connection_options(changed)["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"sasl_username": None}, "HEADWATER_KAFKA_SASL_USERNAME"),
        ({"sasl_password_file": None}, "HEADWATER_KAFKA_SASL_PASSWORD_FILE"),
    ],
)
def test_what_cannot_be_is_named(
    with_password: KafkaSettings, changes: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        connection_options(with_password.model_copy(update=changes))


def test_files_that_are_not_there(with_password: KafkaSettings, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    for changes in (
        {"sasl_password_file": missing},
        {"security_protocol": "SASL_SSL", "ca_file": missing},
    ):
        with pytest.raises(FileNotFoundError):
            connection_options(with_password.model_copy(update=changes))

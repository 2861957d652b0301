from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from headwater.topic_growth import SIGN_OF_LIFE
from libs.common.settings import CommonSettings, InstallationSettings, KafkaSettings
from services.ingest.settings import IngestSettings
from services.query.domain.ledger import FLUSH_ALLOWANCE
from services.query.settings import QuerySettings
from services.writer.settings import WriterSettings


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "KAFKA_BOOTSTRAP", "INSTALLATION_SECRET_FILE", "LISTEN_FD"):
        monkeypatch.delenv(f"HEADWATER_{name}", raising=False)


def test_settings_come_from_prefixed_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://u:p@h/n")
    monkeypatch.setenv("HEADWATER_LISTEN_FD", "7")
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", "a:1,b:2")

    settings = CommonSettings()

    assert settings.database_url.get_secret_value() == "postgresql://u:p@h/n"
    assert settings.listen_fd == 7
    assert KafkaSettings().bootstrap == "a:1,b:2"


@pytest.mark.parametrize(
    ("given", "seconds"), [("5", 5), ("0.25", 0.25), ("PT5S", 5), ("00:00:05", 5), ("-1", None)]
)
def test_durations_are_seconds_or_iso_8601(
    monkeypatch: pytest.MonkeyPatch, given: str, seconds: float | None
) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://h/n")
    monkeypatch.setenv("HEADWATER_SEAL_PERIOD", given)

    if seconds is None:
        with pytest.raises(ValidationError, match="seal_period"):
            WriterSettings()
    else:
        assert WriterSettings().seal_period == timedelta(seconds=seconds)


@pytest.mark.parametrize("given", ["soon", "nan", "inf", ""])
def test_what_is_no_duration_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://h/n")
    monkeypatch.setenv("HEADWATER_SEAL_PERIOD", given)

    with pytest.raises(ValidationError, match="seal_period"):
        WriterSettings()


@pytest.mark.parametrize(
    ("settings", "name", "given"),
    [
        (CommonSettings, "LOG_LEVEL", "LOUD"),
        (CommonSettings, "LISTEN_PORT", "-1"),
        (CommonSettings, "LISTEN_PORT", "65536"),
        (KafkaSettings, "KAFKA_SECURITY_PROTOCOL", "TLS"),
        (IngestSettings, "LEDGER_FLUSH", "10.1"),
        (IngestSettings, "LEDGER_FLUSH", "0"),
        (IngestSettings, "MAX_BODY_BYTES", "0"),
        (IngestSettings, "WAITING_BYTES", "-1"),
        (WriterSettings, "MERGE_FROM_COUNT", "0"),
        (QuerySettings, "POOL_SIZE", "0"),
        (QuerySettings, "EXPORT_COUNT", "0"),
        (QuerySettings, "LOGIN_ATTEMPTS_PER_ACCOUNT", "0"),
        (QuerySettings, "TRUSTED_PROXY_HOPS", "-1"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, settings: type[BaseSettings], name: str, given: str
) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://h/n")
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", "a:1")
    assert settings()
    monkeypatch.setenv(f"HEADWATER_{name}", given)
    with pytest.raises(ValidationError, match=name.removeprefix("KAFKA_").lower()):
        settings()


def test_a_silent_gateway_has_surely_ended() -> None:
    """Its sign of life is never as rare as the time after which others give it up."""
    longest = [
        one.le for one in IngestSettings.model_fields["ledger_flush"].metadata if hasattr(one, "le")
    ]
    upkeep = timedelta(seconds=1)
    assert longest[0] + upkeep < min(SIGN_OF_LIFE, FLUSH_ALLOWANCE)


def test_a_password_does_not_show_when_settings_are_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://u:topsecret@h/n")

    assert "topsecret" not in repr(CommonSettings())


def test_what_must_be_given_is_named_when_missing() -> None:
    with pytest.raises(ValidationError, match="database_url"):
        CommonSettings()
    with pytest.raises(ValidationError, match="bootstrap"):
        KafkaSettings()


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_DATABASE_URL", "postgresql://h/n")
    settings = CommonSettings()

    with pytest.raises(ValidationError):
        settings.log_level = "DEBUG"  # type: ignore[misc]  # mypy sees it too


def test_installation_secret_is_read_without_its_line_end(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 32 + b"\n")

    assert InstallationSettings(installation_secret_file=file).installation_secret() == b"s" * 32


def test_short_installation_secret_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s" * 31 + b"\n\n")

    with pytest.raises(ValueError, match="at least 32 bytes"):
        InstallationSettings(installation_secret_file=file).installation_secret()

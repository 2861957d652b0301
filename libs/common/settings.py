"""Settings that more than one process reads, from `HEADWATER_*` variables and mounted files."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DATABASE_SCHEMES = ("postgresql://", "postgres://")
"""How the address of a database begins."""
Count = Annotated[int, Field(ge=1)]
"""A count or a size of which none at all makes no sense."""
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
SecurityProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]


class CommonSettings(BaseSettings):
    """What every process reads."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    log_level: LogLevel = "INFO"
    """Of our own JSON lines on stderr: DEBUG, INFO, WARNING, ERROR or CRITICAL."""
    listen_host: str = "127.0.0.1"
    """Address to listen on; `0.0.0.0` for all."""
    listen_port: int = Field(default=0, ge=0, le=65_535)
    """0 = any free port."""
    listen_fd: int | None = Field(
        default=None, description="An inherited listening socket; wins over host and port"
    )

    @field_validator("*", mode="before")
    @classmethod
    def _plain_seconds(cls, given: object, info: ValidationInfo) -> object:
        """Take `5` for five seconds: pydantic reads a number so, but not its text."""
        field = cls.model_fields.get(info.field_name or "")
        if field is None or field.annotation is not timedelta or not isinstance(given, str):
            return given
        try:
            return float(given)
        except ValueError:
            return given


class KafkaSettings(BaseSettings):
    """How to reach Kafka."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_KAFKA_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    bootstrap: str = Field(description="host:port, comma separated")
    security_protocol: SecurityProtocol = "PLAINTEXT"
    """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
    sasl_mechanism: str | None = None
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."""
    sasl_username: str | None = None
    """User of SASL."""
    sasl_password_file: Path | None = None
    """File that holds the password of SASL."""
    ca_file: Path | None = None
    """PEM file of the authorities to trust; without it those of the system."""


class SelfLogsSettings(BaseSettings):
    """Where writer and query send copies of their own warnings; without both: nowhere."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_SELF_LOGS_",
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    url: str | None = None
    """Address of a gateway's batches; writer and query send their own warnings there."""
    key: SecretStr | None = Field(default=None, description="Server key of an application for them")


class InstallationSettings(BaseSettings):
    """The secret that is one per installation."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    installation_secret_file: Path
    """At least 32 random bytes; they key hashes of bodies and the internal route's signature."""

    def installation_secret(self) -> bytes:
        """Return the secret's bytes; raises ValueError when it is too short to be one."""
        secret = self.installation_secret_file.read_bytes().strip()
        if len(secret) < 32:
            raise ValueError(f"{self.installation_secret_file.name}: needs at least 32 bytes")
        return secret

"""Settings that more than one process reads, from `HEADWATER_*` variables and mounted files."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    """What every process reads."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    database_url: SecretStr = Field(description="postgresql://user:password@host:port/name")
    log_level: str = "INFO"
    listen_host: str = "127.0.0.1"
    listen_port: int = 0
    listen_fd: int | None = Field(
        default=None, description="An inherited listening socket; wins over host and port"
    )


class KafkaSettings(BaseSettings):
    """How to reach Kafka."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_KAFKA_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    bootstrap: str = Field(description="host:port, comma separated")
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password_file: Path | None = None
    ca_file: Path | None = None


class InstallationSettings(BaseSettings):
    """The secret that is one per installation."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    installation_secret_file: Path

    def installation_secret(self) -> bytes:
        """Return the secret's bytes; raises ValueError when it is too short to be one."""
        secret = self.installation_secret_file.read_bytes().strip()
        if len(secret) < 32:
            raise ValueError(f"{self.installation_secret_file.name}: needs at least 32 bytes")
        return secret

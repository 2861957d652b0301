"""What the `headwater` command reads from the environment."""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from libs.common.settings import DATABASE_SCHEMES, SecurityProtocol


def user_cache_folder() -> Path:
    """Return the folder for what is downloaded once a machine, shared by all homes."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if root else Path.home() / ".cache") / "headwater"


def inherited_environment() -> dict[str, str]:
    """Return the environment that our own programs get, on top of which their settings go."""
    # They find the same code as we, also where we run from a checkout.
    code = str(Path(__file__).parents[1])
    path = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": f"{code}{os.pathsep}{path}" if path else code}


class StackSettings(BaseSettings):
    """The local stack's settings; every one has a default that needs no thought."""

    model_config = SettingsConfigDict(
        env_prefix="HEADWATER_", frozen=True, extra="ignore", use_attribute_docstrings=True
    )

    home: Path = Path(".headwater")
    """Folder of the installation; `--home` wins."""
    cache_folder: Path = Field(default_factory=user_cache_folder)
    """What is downloaded once a machine."""
    database_url: SecretStr | None = Field(
        default=None, description="A PostgreSQL of yours instead of the local one"
    )
    kafka_bootstrap: str | None = Field(
        default=None, description="A Kafka of yours instead of the local one"
    )
    kafka_security_protocol: SecurityProtocol = "PLAINTEXT"
    """How to speak with that Kafka of yours; the local one knows plain text on loopback only."""
    kafka_heap: str | None = Field(default=None, description="Java heap of a broker, e.g. 512m")
    eager_indexes: bool = False
    """Whether tables are indexed as rows arrive."""
    ci: str = Field(
        default="", validation_alias="CI", description="Anything but empty: plain progress lines"
    )

    @field_validator("database_url")
    @classmethod
    def _is_an_address(cls, given: SecretStr | None) -> SecretStr | None:
        # Here, so that it is told at once; the libraries' own messages name no variable.
        if given is not None and not given.get_secret_value().startswith(DATABASE_SCHEMES):
            raise ValueError("needed is postgresql://user:password@host:port/name")
        return given

    @model_validator(mode="after")
    def _has_somebody_to_speak_with(self) -> Self:
        if self.kafka_bootstrap is None and self.kafka_security_protocol != "PLAINTEXT":
            raise ValueError(
                "HEADWATER_KAFKA_SECURITY_PROTOCOL is for a Kafka of yours: "
                "give HEADWATER_KAFKA_BOOTSTRAP too, or neither"
            )
        return self

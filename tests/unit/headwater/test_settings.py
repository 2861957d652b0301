"""What the command refuses in its environment, before anything is started."""

import pytest
from pydantic import ValidationError

from headwater.settings import StackSettings


@pytest.mark.parametrize(
    ("variables", "is_taken"),
    [
        ({}, True),
        ({"SECURITY_PROTOCOL": "PLAINTEXT"}, True),
        ({"SECURITY_PROTOCOL": "SASL_SSL"}, False),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "BOOTSTRAP": "kafka.example.org:9093"}, True),
    ],
)
def test_security_is_for_a_kafka_of_yours(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *, is_taken: bool
) -> None:
    for name in ("SECURITY_PROTOCOL", "BOOTSTRAP"):
        monkeypatch.delenv(f"HEADWATER_KAFKA_{name}", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(f"HEADWATER_KAFKA_{name}", value)
    if is_taken:
        StackSettings()
    else:
        with pytest.raises(ValidationError, match="give HEADWATER_KAFKA_BOOTSTRAP too"):
            StackSettings()

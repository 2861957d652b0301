"""Turns the Kafka settings into the arguments that every aiokafka client takes."""

from typing import Any

from aiokafka.helpers import create_ssl_context

from libs.common.settings import KafkaSettings


def connection_options(settings: KafkaSettings) -> dict[str, Any]:
    """Return the address and security arguments of an aiokafka client.

    Reads the password and CA files now; raises ValueError for a combination that Kafka does not
    have, OSError for a file that cannot be read.
    """
    protocol = settings.security_protocol
    options: dict[str, Any] = {
        "bootstrap_servers": settings.bootstrap,
        "security_protocol": protocol,
    }
    if protocol.startswith("SASL_"):
        options |= _sasl_options(settings)
    if protocol.endswith("SSL"):
        # Host names are always verified; without a CA file the system's authorities count.
        ca_file = str(settings.ca_file) if settings.ca_file is not None else None
        options["ssl_context"] = create_ssl_context(cafile=ca_file)
    return options


def _sasl_options(settings: KafkaSettings) -> dict[str, Any]:
    if settings.sasl_username is None or settings.sasl_password_file is None:
        raise ValueError(
            "HEADWATER_KAFKA_SASL_USERNAME and HEADWATER_KAFKA_SASL_PASSWORD_FILE are needed"
        )
    return {
        "sasl_mechanism": settings.sasl_mechanism or "SCRAM-SHA-512",
        "sasl_plain_username": settings.sasl_username,
        "sasl_plain_password": settings.sasl_password_file.read_text().strip(),
    }

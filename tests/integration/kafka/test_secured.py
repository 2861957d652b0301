"""Kafka with SASL and TLS: the settings reach a real broker that insists on them."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaConnectionError
from typer.testing import CliRunner

from headwater.commands.app import build_app
from headwater.topics import TopicAdmin
from libs.common.clock import SystemClock
from libs.common.kafka.connection import connection_options
from libs.common.kafka.producer import KafkaPublisher
from libs.common.kafka.reader import KafkaReader
from libs.common.settings import KafkaSettings
from tests.integration.kafka.secured import PASSWORD, USER, SecuredKafka, make_certificate
from tests.stack import unique_telemetry

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True)
class Secured:
    """The broker, and the files that settings point to."""

    kafka: SecuredKafka
    password: Path
    wrong_password: Path
    other_authority: Path

    def settings(self, protocol: str, **changes: object) -> KafkaSettings:
        """Return what is right for a listener, but for the changes."""
        right = KafkaSettings(
            bootstrap=self.kafka.address(protocol),
            security_protocol=protocol,
            sasl_username=USER,
            sasl_password_file=self.password,
            ca_file=self.kafka.certificate.public,
        )
        return right.model_copy(update=changes)


@pytest.fixture(scope="module")
def secured(run_folder: Path) -> Iterator[Secured]:
    home = run_folder / f"home-{uuid4().hex[:8]}"
    kafka = SecuredKafka(home)
    password, wrong = home / "password", home / "wrong-password"
    password.write_text(f"{PASSWORD}\n")
    wrong.write_text("guess\n")
    try:
        asyncio.run(kafka.start())
        yield Secured(kafka, password, wrong, make_certificate(home, "other").public)
    finally:
        asyncio.run(kafka.stop())


@pytest.mark.parametrize(
    ("protocol", "mechanism"),
    [
        ("SASL_PLAINTEXT", None),
        ("SASL_SSL", "SCRAM-SHA-512"),
        ("SASL_SSL", "PLAIN"),
        ("SSL", None),
    ],
)
async def test_records_go_in_and_come_out(
    secured: Secured, protocol: str, mechanism: str | None
) -> None:
    connection = connection_options(secured.settings(protocol, sasl_mechanism=mechanism))
    topic = unique_telemetry(partition_count=1)
    async with TopicAdmin(connection) as admin:
        await admin.create([topic])
    publisher = KafkaPublisher(connection, SystemClock())
    reader = KafkaReader(topic.name, f"test-{uuid4().hex}", connection)
    await publisher.start()
    try:
        await publisher.publish(topic.name, b"key", b"value")
        await reader.start(nobody_leaves)
        async with asyncio.timeout(30):
            while not reader.assigned():  # noqa: ASYNC110 - asks the group's member
                await asyncio.sleep(0.05)
            assert reader.seek(0, 0)
            while not (found := await reader.poll(timedelta(seconds=1), 10)):
                pass
        assert [record.value for record in found[0]] == [b"value"]
    finally:
        await reader.stop()
        await publisher.stop()


@pytest.mark.parametrize(
    ("protocol", "wrong", "reason"),
    [
        ("SASL_PLAINTEXT", "password", "invalid credentials"),
        ("SASL_SSL", "password", "invalid credentials"),
        ("SASL_SSL", "authority", "CERTIFICATE_VERIFY_FAILED"),
        ("SSL", "authority", "CERTIFICATE_VERIFY_FAILED"),
        ("SSL", "no authority", "CERTIFICATE_VERIFY_FAILED"),
        ("SSL", "host name", "CERTIFICATE_VERIFY_FAILED"),
    ],
)
async def test_who_is_not_right_does_not_get_in(
    secured: Secured,
    caplog: pytest.LogCaptureFixture,
    protocol: str,
    wrong: str,
    reason: str,
) -> None:
    port = secured.kafka.address(protocol).rpartition(":")[2]
    changes: dict[str, dict[str, object]] = {
        "password": {"sasl_password_file": secured.wrong_password},
        "authority": {"ca_file": secured.other_authority},
        "no authority": {"ca_file": None},
        # The certificate is made out to the address.
        "host name": {"bootstrap": f"localhost:{port}"},
    }
    connection = connection_options(secured.settings(protocol, **changes[wrong]))
    with pytest.raises(KafkaConnectionError):
        async with asyncio.timeout(20), TopicAdmin(connection):
            pass
    assert reason in caplog.text


def test_the_command_takes_the_same_settings(
    secured: Secured, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = secured.settings("SASL_SSL")
    monkeypatch.setenv("HEADWATER_KAFKA_BOOTSTRAP", right.bootstrap)
    monkeypatch.setenv("HEADWATER_KAFKA_SECURITY_PROTOCOL", right.security_protocol)
    monkeypatch.setenv("HEADWATER_KAFKA_SASL_USERNAME", USER)
    monkeypatch.setenv("HEADWATER_KAFKA_CA_FILE", str(right.ca_file))
    needed = CliRunner().invoke(build_app(), ["topics", "create"])
    assert (needed.exit_code, "SASL_PASSWORD_FILE are needed" in needed.output) == (1, True)
    monkeypatch.setenv("HEADWATER_KAFKA_SASL_PASSWORD_FILE", str(secured.wrong_password))
    refused = CliRunner().invoke(build_app(), ["topics", "create"])
    assert (refused.exit_code, "invalid credentials" in refused.output) == (1, True)
    monkeypatch.setenv("HEADWATER_KAFKA_SASL_PASSWORD_FILE", str(secured.password))
    created = CliRunner().invoke(build_app(), ["topics", "create"])
    assert (created.exit_code, created.output) == (0, "Created telemetry\n")


async def nobody_leaves(_: object) -> None:
    """Nothing is in hand when partitions go."""

"""Settings of the local servers."""

from pathlib import Path

import pytest

from headwater.stack.kafka import new_cluster_id
from headwater.stack.kafka_config import KafkaOptions, NodeAddress, java_flags, server_properties
from headwater.stack.kafka_jars import expected_checksums
from headwater.stack.postgres_config import (
    MEGABYTE,
    PostgresOptions,
    postgresql_conf,
    shared_buffers_bytes,
)
from libs.common.topics import RECORD_MAX_BYTES


def properties(count: int, options: KafkaOptions | None = None) -> dict[str, str]:
    nodes = [NodeAddress(n, 20_000 + n, 21_000 + n) for n in range(1, count + 1)]
    text = server_properties(nodes[0], nodes, Path("/data"), options or KafkaOptions())
    return dict(line.split("=", 1) for line in text.splitlines())


@pytest.mark.parametrize(("count", "replicas", "in_sync"), [(1, "1", "1"), (3, "3", "2")])
def test_replicas_follow_the_number_of_nodes(count: int, replicas: str, in_sync: str) -> None:
    settings = properties(count)
    assert settings["default.replication.factor"] == replicas
    assert settings["offsets.topic.replication.factor"] == replicas
    assert settings["min.insync.replicas"] == in_sync
    assert len(settings["controller.quorum.voters"].split(",")) == count


def test_brokers_take_the_largest_record() -> None:
    settings = properties(3)
    assert int(settings["message.max.bytes"]) > RECORD_MAX_BYTES
    assert settings["replica.fetch.max.bytes"] == settings["message.max.bytes"]


def test_own_properties_win() -> None:
    settings = properties(1, KafkaOptions(properties={"num.io.threads": "9"}))
    assert settings["num.io.threads"] == "9"


def test_java_flags() -> None:
    assert "-Xmx384m" in java_flags(KafkaOptions())
    assert "-XX:TieredStopAtLevel=1" not in java_flags(KafkaOptions())
    assert "-XX:TieredStopAtLevel=1" in java_flags(KafkaOptions.standard(3))


def test_the_jar_list_is_whole() -> None:
    checksums = expected_checksums()
    assert len(checksums) == 46
    assert "kafka_2.13-4.3.1.jar" in checksums
    assert all(len(checksum) == 64 for checksum in checksums.values())


@pytest.mark.parametrize(
    ("memory_megabytes", "expected_megabytes"), [(512, 128), (8192, 1024), (65536, 2048)]
)
def test_buffers_follow_the_memory(memory_megabytes: int, expected_megabytes: int) -> None:
    bytes_ = shared_buffers_bytes(memory_megabytes * MEGABYTE, PostgresOptions())
    assert bytes_ == expected_megabytes * MEGABYTE


def test_postgres_listens_on_loopback_only_and_has_locks_for_slices() -> None:
    conf = postgresql_conf(5432, 8192 * MEGABYTE, PostgresOptions(settings={"jit": "o'n"}))
    assert "listen_addresses = '127.0.0.1'\n" in conf
    assert "max_locks_per_transaction = '1024'\n" in conf
    assert "jit = 'o''n'\n" in conf
    assert "fsync" not in conf
    assert "fsync = 'off'\n" in postgresql_conf(5432, 8192 * MEGABYTE, PostgresOptions.quick())


def test_cluster_ids_are_no_options() -> None:
    made = {new_cluster_id() for _ in range(1_000)}
    assert len(made) == 1_000
    assert not any(each.startswith("-") for each in made)
    assert {len(each) for each in made} == {22}

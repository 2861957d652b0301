import pytest

from libs.common.topics import RECORD_MAX_BYTES, TELEMETRY, TOPICS, partition_of

# (key, murmur2 & 0x7fffffff) as org.apache.kafka.common.utils.Utils computes them
JAVA_HASHES = [
    (b"21", -973932308 & 0x7FFFFFFF),
    (b"foobar", -790332482 & 0x7FFFFFFF),
    (b"a-little-bit-long-string", -985981536 & 0x7FFFFFFF),
    (b"a-little-bit-longer-string", -1486304829 & 0x7FFFFFFF),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 & 0x7FFFFFFF),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "expected"), JAVA_HASHES)
@pytest.mark.parametrize("partition_count", [1, 3, 12, 24])
def test_partition_is_the_one_of_the_java_client(
    key: bytes, expected: int, partition_count: int
) -> None:
    assert partition_of(key, partition_count) == expected % partition_count


def test_topic_is_created_with_append_time_and_its_retention() -> None:
    config = TELEMETRY.creation_config()

    assert config["message.timestamp.type"] == "LogAppendTime"
    assert config["retention.ms"] == str(7 * 24 * 60 * 60 * 1000)
    assert config["max.message.bytes"] == str(RECORD_MAX_BYTES)
    assert config["cleanup.policy"] == "delete"


def test_topic_names_differ() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS)

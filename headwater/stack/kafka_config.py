"""The settings files of a local Kafka node. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# RECORD_MAX_BYTES of the topics plus the record batch's own header.
MESSAGE_MAX_BYTES = 8 * 1024 * 1024 + 64 * 1024

LOG4J = """\
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601_OFFSET_DATE_TIME_HHCMM} %p %m (%c{1})%n%throwable
rootLogger.level = info
rootLogger.appenderRef.out.ref = out
# Prints 300 lines of settings on every start.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = warn
"""


@dataclass(frozen=True)
class KafkaOptions:
    """What may differ between the local stack, tests and bench."""

    heap: str = "384m"
    quick_start: bool = False
    """Compile less: 1.5 instead of 2.0 s to start and less memory, but slower under load."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Settings on top of, or instead of, the standard ones."""

    @classmethod
    def standard(cls, broker_count: int) -> "KafkaOptions":
        """Return what suits one node on a laptop, or several that share it."""
        return cls() if broker_count == 1 else cls(heap="256m", quick_start=True)


@dataclass(frozen=True)
class NodeAddress:
    """Where a node listens."""

    node_id: int
    broker_port: int
    controller_port: int


def server_properties(
    address: NodeAddress, all_nodes: Sequence[NodeAddress], data: Path, options: KafkaOptions
) -> str:
    """Return `server.properties` of a node that is broker and controller in one."""
    replicas = min(3, len(all_nodes))
    in_sync = max(1, replicas - 1)
    broker = f"PLAINTEXT://127.0.0.1:{address.broker_port}"
    voters = ",".join(f"{node.node_id}@127.0.0.1:{node.controller_port}" for node in all_nodes)
    settings = {
        "process.roles": "broker,controller",
        "node.id": str(address.node_id),
        "controller.quorum.voters": voters,
        "listeners": f"{broker},CONTROLLER://127.0.0.1:{address.controller_port}",
        "advertised.listeners": broker,
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        "default.replication.factor": str(replicas),
        "min.insync.replicas": str(in_sync),
        "offsets.topic.replication.factor": str(replicas),
        "offsets.topic.num.partitions": "8",
        "transaction.state.log.replication.factor": str(replicas),
        "transaction.state.log.min.isr": str(in_sync),
        "unclean.leader.election.enable": "false",
        "message.max.bytes": str(MESSAGE_MAX_BYTES),
        "replica.fetch.max.bytes": str(MESSAGE_MAX_BYTES),
        # The next four as measured: a killed node is noticed after 6 s, a group starts at once.
        "broker.session.timeout.ms": "6000",
        "broker.heartbeat.interval.ms": "1000",
        "replica.lag.time.max.ms": "10000",
        "group.initial.rebalance.delay.ms": "0",
        "group.min.session.timeout.ms": "3000",
        "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
        "num.network.threads": "2",
        "num.io.threads": "4",
        **options.properties,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def java_flags(options: KafkaOptions) -> tuple[str, ...]:
    """Return the flags of the Java machine: small, for a box that is shared."""
    flags = (f"-Xmx{options.heap}", "-Xms64m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError")
    return (*flags, "-XX:TieredStopAtLevel=1") if options.quick_start else flags

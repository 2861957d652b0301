"""Real Kafka and real PostgreSQL as processes of a folder, for the local stack, tests and bench.

`LocalPostgres` and `LocalKafka` start, stop, kill, freeze and restart the real servers. Neither
needs Docker, an installed Java or root; both remember their ports, so that a restart keeps them.
"""

from headwater.stack.errors import StackError
from headwater.stack.kafka import KafkaNode, KafkaOptions, LocalKafka
from headwater.stack.ports import PortBook
from headwater.stack.postgres import LocalPostgres, PostgresOptions
from headwater.stack.process import Child, Command, end_leftovers

__all__ = [
    "Child",
    "Command",
    "KafkaNode",
    "KafkaOptions",
    "LocalKafka",
    "LocalPostgres",
    "PortBook",
    "PostgresOptions",
    "StackError",
    "end_leftovers",
]

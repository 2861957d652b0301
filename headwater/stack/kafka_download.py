"""`python -m headwater.stack.kafka_download FOLDER`: fetches Kafka's jars from Maven Central.

A program of its own, because a download has to end when the one who waits for it gives up.
"""

import fcntl
import shutil
import sys
from pathlib import Path

from jgo.constants import MAVEN_CENTRAL_URL
from jgo.env import EnvironmentBuilder, LinkStrategy
from jgo.maven import MavenContext

from headwater.stack.errors import StackError
from headwater.stack.kafka_jars import KAFKA_VERSION, are_there, expected_checksums, jar_folder

# kafka-clients has to be named: left to itself the mediation picks 3.9.1, with which the broker
# dies of NoSuchMethodError.
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)


def download(cache_folder: Path) -> None:
    """Fetch all jars into the cache unless somebody else does so at the same time."""
    folder = jar_folder(cache_folder)
    cache_folder.mkdir(parents=True, exist_ok=True)
    with (cache_folder / "download.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not are_there(folder):
            _resolve(folder, cache_folder / "download")


def _resolve(folder: Path, scratch: Path) -> None:
    shutil.rmtree(scratch, ignore_errors=True)  # Of a download that was killed.
    maven = MavenContext(
        repo_cache=scratch / "repository", remote_repos={"central": MAVEN_CENTRAL_URL}
    )
    builder = EnvironmentBuilder(
        context=maven, cache_dir=scratch / "environments", link_strategy=LinkStrategy.HARD
    )
    jars = builder.from_endpoint(endpoint="+".join(COORDINATES)).all_jars
    folder.mkdir(exist_ok=True)
    for jar in jars:
        shutil.move(jar, folder / jar.name)
    shutil.rmtree(scratch, ignore_errors=True)
    missing = [name for name in expected_checksums() if not (folder / name).is_file()]
    if missing:
        raise StackError(f"Maven Central gave other files than expected, missing: {missing}")


if __name__ == "__main__":
    download(Path(sys.argv[1]))

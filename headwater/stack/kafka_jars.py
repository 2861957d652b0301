"""The jars of Apache Kafka: resolved once from Maven Central, checked on every start.

They lie in the user's cache folder, so that all homes and test runs share them.
"""

import asyncio
import fcntl
import hashlib
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from headwater.stack.errors import StackError

KAFKA_VERSION = "4.3.1"

# kafka-clients has to be named: left to itself the mediation picks 3.9.1, with which the broker
# dies of NoSuchMethodError.
COORDINATES = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
    f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
)


def expected_checksums() -> dict[str, str]:
    """Return file name to SHA-256 of every jar, from the list that comes with this package."""
    listed = resources.files("headwater.stack").joinpath("kafka_jars.txt").read_text()
    return {name: checksum for checksum, name in map(str.split, listed.splitlines())}


def are_there(folder: Path) -> bool:
    """Say whether the jars were fetched before, without reading them."""
    return all((folder / name).is_file() for name in expected_checksums())


async def fetch_jars(cache_folder: Path) -> list[Path]:
    """Return the jars of the class path, from the cache or, the first time, from Maven Central.

    Raises StackError when Maven Central is out of reach or a file is not the expected one.
    """
    return await asyncio.to_thread(_fetch, cache_folder / f"kafka-{KAFKA_VERSION}")


def _fetch(folder: Path) -> list[Path]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Two homes that start at once download once.
        if not are_there(folder):
            _download(folder)
    expected = expected_checksums()
    for name, checksum in expected.items():
        with (folder / name).open("rb") as jar:
            actual = hashlib.file_digest(jar, "sha256").hexdigest()
        if actual != checksum:
            raise StackError(
                f"{folder / name} is not the file it should be (SHA-256 {actual}): "
                f"remove {folder} and start again"
            )
    return [folder / name for name in expected]


def _download(folder: Path) -> None:
    # Imported here: needed once a machine, and slow to import.
    from jgo.constants import MAVEN_CENTRAL_URL  # noqa: PLC0415
    from jgo.env import EnvironmentBuilder, LinkStrategy  # noqa: PLC0415
    from jgo.maven import MavenContext  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        maven = MavenContext(
            repo_cache=Path(scratch) / "repository", remote_repos={"central": MAVEN_CENTRAL_URL}
        )
        builder = EnvironmentBuilder(
            context=maven, cache_dir=Path(scratch) / "jgo", link_strategy=LinkStrategy.HARD
        )
        try:
            jars = builder.from_endpoint(endpoint="+".join(COORDINATES)).all_jars
        except Exception as error:  # jgo lets anything of its network layer through.
            raise StackError(
                f"could not fetch Kafka from Maven Central ({error}): "
                "check the network, or set HEADWATER_KAFKA_BOOTSTRAP to a Kafka of yours"
            ) from error
        folder.mkdir(exist_ok=True)
        for jar in jars:
            shutil.move(jar, folder / jar.name)
    if not are_there(folder):
        missing = sorted(name for name in expected_checksums() if not (folder / name).is_file())
        raise StackError(f"Maven Central gave other files than expected, missing: {missing}")

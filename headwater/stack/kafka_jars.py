"""The jars of Apache Kafka: resolved once from Maven Central, checked on every start.

They lie in the user's cache folder, so that all homes and test runs share them.
"""

import asyncio
import hashlib
import sys
from datetime import timedelta
from importlib import resources
from pathlib import Path

from headwater.settings import inherited_environment
from headwater.stack.errors import StackError, StepFailed
from headwater.stack.process import Child, Command

KAFKA_VERSION = "4.3.1"
DOWNLOAD_DEADLINE = timedelta(minutes=10)


def expected_checksums() -> dict[str, str]:
    """Return file name to SHA-256 of every jar, from the list that comes with this package."""
    listed = resources.files("headwater.stack").joinpath("kafka_jars.txt").read_text()
    return {name: checksum for checksum, name in map(str.split, listed.splitlines())}


def are_there(folder: Path) -> bool:
    """Say whether the jars were fetched before, without reading them."""
    return all((folder / name).is_file() for name in expected_checksums())


async def fetch_jars(cache_folder: Path, home: Path) -> list[Path]:
    """Return the jars of the class path, from the cache or, the first time, from Maven Central.

    Raises StackError when Maven Central is out of reach or a file is not the expected one.
    """
    folder = jar_folder(cache_folder)
    if not are_there(folder):
        # A process of its own: it can be ended at any moment, a thread cannot.
        child = Child("kafka-download", home / "run")
        log = home / "logs" / "kafka-download.log"
        argv = (sys.executable, "-m", "headwater.stack.kafka_download", str(cache_folder))
        child.start(Command(argv, log, inherited_environment()))
        try:
            await child.wait(DOWNLOAD_DEADLINE)
        finally:
            await child.kill()
        if child.exit_code != 0:
            raise StepFailed(
                "Kafka could not be fetched from Maven Central: check the network, or set "
                "HEADWATER_KAFKA_BOOTSTRAP to a Kafka of yours",
                log,
            )
    await asyncio.to_thread(_verify, folder)
    return [folder / name for name in expected_checksums()]


def jar_folder(cache_folder: Path) -> Path:
    """Return where the jars of this version of Kafka lie."""
    return cache_folder / f"kafka-{KAFKA_VERSION}"


def _verify(folder: Path) -> None:
    for name, expected in expected_checksums().items():
        with (folder / name).open("rb") as jar:
            actual = hashlib.file_digest(jar, "sha256").hexdigest()
        if actual != expected:
            raise StackError(
                f"{folder / name} is not the file it should be (SHA-256 {actual}): "
                f"remove {folder} and start again"
            )

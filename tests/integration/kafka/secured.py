"""A real Kafka that asks for passwords and speaks TLS, beside a plain listener for its keeper."""

import asyncio
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from headwater.settings import user_cache_folder
from headwater.stack import KafkaOptions, LocalKafka, PortBook
from headwater.stack.java import find_java
from headwater.stack.kafka_jars import fetch_jars

USER = "headwater"
PASSWORD = "correct horse=battery"
LISTENERS = ("SASL_PLAINTEXT", "SASL_SSL", "SSL")
KEYSTORE_PASSWORD = "changeit"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"


@dataclass(frozen=True)
class Certificate:
    """A certificate that signs itself, for 127.0.0.1."""

    keystore: Path
    public: Path


class SecuredKafka:
    """One node with a listener for each way in."""

    def __init__(self, home: Path) -> None:
        self.home = home
        ports = PortBook(home / "ports.json")
        self.ports: Mapping[str, int] = {name: ports.take(name) for name in LISTENERS}
        self.certificate = make_certificate(home, "server")
        plain, controller = ports.take("kafka"), ports.take("kafka-controller")
        self._kafka = LocalKafka(
            home,
            options=KafkaOptions(
                "256m", quick_start=True, properties=self._properties(plain, controller)
            ),
        )

    def address(self, protocol: str) -> str:
        """Return host:port of a listener."""
        return f"127.0.0.1:{self.ports[protocol]}"

    def _properties(self, plain: int, controller: int) -> dict[str, str]:
        listeners = [f"PLAINTEXT://127.0.0.1:{plain}"]
        listeners += [f"{name}://{self.address(name)}" for name in LISTENERS]
        protocols = ",".join(f"{name}:{name}" for name in ("PLAINTEXT", *LISTENERS))
        scram = f"{SCRAM} required;"
        known = f'{PLAIN} required user_{USER}="{PASSWORD}";'
        return {
            "listeners": ",".join([*listeners, f"CONTROLLER://127.0.0.1:{controller}"]),
            "advertised.listeners": ",".join(listeners),
            "listener.security.protocol.map": f"{protocols},CONTROLLER:PLAINTEXT",
            "listener.name.sasl_plaintext.sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.sasl_ssl.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": scram,
            "listener.name.sasl_ssl.plain.sasl.jaas.config": known,
            "ssl.keystore.type": "PKCS12",
            "ssl.keystore.location": str(self.certificate.keystore),
            "ssl.keystore.password": KEYSTORE_PASSWORD,
        }

    async def start(self) -> None:
        await self._kafka.start()
        await self._add_scram_user()

    async def _add_scram_user(self) -> None:
        jars = await fetch_jars(user_cache_folder(), self.home)
        run = await asyncio.create_subprocess_exec(
            *(str(find_java()), "-Xmx128m", "-XX:TieredStopAtLevel=1"),
            *("-cp", os.pathsep.join(map(str, jars)), "kafka.admin.ConfigCommand"),
            *("--bootstrap-server", self._kafka.bootstrap, "--alter"),
            *("--entity-type", "users", "--entity-name", USER, "--add-config"),
            f"SCRAM-SHA-512=[password={PASSWORD}]",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await run.communicate()
        assert run.returncode == 0, said.decode()

    async def stop(self) -> None:
        await self._kafka.stop()


def make_certificate(folder: Path, name: str) -> Certificate:
    """Make one with the tool that every Java brings along."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Certificate(folder / f"{name}.p12", folder / f"{name}.pem")
    keytool = str(find_java().with_name("keytool"))
    store = ["-keystore", str(made.keystore), "-storetype", "PKCS12"]
    store += ["-storepass", KEYSTORE_PASSWORD, "-alias", name]
    certificate = ["-genkeypair", "-keyalg", "EC", "-dname", f"CN={name}", "-validity", "2"]
    certificate += ["-ext", "san=ip:127.0.0.1", "-ext", "bc:c"]
    for action in (certificate, ["-exportcert", "-rfc", "-file", str(made.public)]):
        subprocess.run([keytool, *action, *store], check=True, capture_output=True)
    return made

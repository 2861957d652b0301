"""A service's copies of its warnings are few, whatever goes wrong, and never the gateway's."""

import json
import logging
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

from headwater.supervisor.services import Listeners, Surroundings, service_table
from libs.common.settings import SelfLogsSettings
from libs.common.telemetry.self_logs import BURST, REFILL, OwnLogFilter, send_own_logs
from libs.common.telemetry.trace import current_trace_id


def record(at: float) -> logging.LogRecord:
    made = logging.LogRecord("x", logging.WARNING, "x.py", 1, "x", None, None)
    made.created = at
    return made


def test_a_burst_passes_and_then_one_now_and_again() -> None:
    own = OwnLogFilter()
    start, period = 1_795_000_000.0, REFILL.total_seconds()
    passed = [own.filter(record(start + number / 100)) for number in range(BURST * 3)]
    assert passed == [True] * BURST + [False] * BURST * 2
    later = start + 100 * period
    assert sum(own.filter(record(later + number / 100)) for number in range(100)) == BURST
    steady = [own.filter(record(later + 10 + number * period)) for number in range(1, 10)]
    assert steady == [True] * 9


def test_a_clock_that_goes_back_makes_no_room() -> None:
    own = OwnLogFilter()
    for number in range(BURST + 1):
        own.filter(record(1_795_000_000.0 - number))
    assert own.filter(record(1_794_000_000.0)) is False


def test_the_trace_of_the_work_at_hand_is_added() -> None:
    one = record(1_795_000_000.0)
    token = current_trace_id.set("t1")
    OwnLogFilter().filter(one)
    current_trace_id.reset(token)
    assert one.__dict__["trace_id"] == "t1"


def test_without_an_address_and_a_key_nothing_is_sent() -> None:
    before = list(logging.getLogger().handlers)
    send_own_logs("writer", SelfLogsSettings(url=None, key=None))
    assert logging.getLogger().handlers == before


def test_the_local_stack_gives_no_gateway_an_address_for_its_own_logs() -> None:
    with socket.socket() as ingest, socket.socket() as query:
        ingest.bind(("127.0.0.1", 0))
        query.bind(("127.0.0.1", 0))
        own = {"HEADWATER_SELF_LOGS_URL": "http://x", "HEADWATER_SELF_LOGS_KEY": "k"}
        around = Surroundings({}, Listeners(ingest, query), 1, own, gateway_count=2)
        told = {
            spec.name for spec in service_table(around) if own.items() <= spec.environment.items()
        }
    assert told == {"writer", "query"}


def test_a_refusal_is_said_on_standard_error_and_sends_nothing_more() -> None:
    bodies: list[bytes] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(401)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    program = (
        "import logging, sys, threading\n"
        "from libs.common.settings import SelfLogsSettings\n"
        "from libs.common.telemetry.logs import configure_logs\n"
        "from libs.common.telemetry.self_logs import send_own_logs\n"
        "heard = threading.Event()\n"
        "configure_logs('writer', 'INFO')\n"
        "send_own_logs('writer', SelfLogsSettings(url=sys.argv[1], key='hw_bad_key'))\n"
        "own = logging.getLogger('libs.common.telemetry.self_logs')\n"
        "own.addFilter(lambda record: heard.set() or True)\n"
        "logging.getLogger('shop').error('x')\n"
        "assert heard.wait(60)\n"
    )
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        done = subprocess.run(
            [sys.executable, "-c", program, url], capture_output=True, text=True, check=False
        )
        server.shutdown()
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["event"], line.get("status")) for line in said] == [
        ("x", None),
        ("own logs are not taken", 401),
    ]
    assert [event["message"] for body in bodies for event in json.loads(body)["events"]] == ["x"]

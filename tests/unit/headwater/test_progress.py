"""Progress messages: told in order, shown as lines, carried over a pipe."""

import asyncio
import io
import os

import pytest

from headwater.progress import (
    Message,
    PipeListener,
    PlainListener,
    Progress,
    line_of,
    parse_message,
)


class Recorder:
    def __init__(self) -> None:
        self.messages: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.messages.append(message)


def test_a_step_begins_and_ends() -> None:
    recorder = Recorder()
    with Progress(recorder).step("kafka", "Apache Kafka"):
        pass
    assert [(m.kind, m.step) for m in recorder.messages] == [("begin", "kafka"), ("end", "kafka")]


@pytest.mark.parametrize(
    ("error", "kind"), [(ValueError(), "fail"), (asyncio.CancelledError(), "cancel")]
)
def test_a_step_that_does_not_end_tells_so(error: BaseException, kind: str) -> None:
    recorder = Recorder()
    with pytest.raises(type(error)), Progress(recorder).step("kafka"):
        raise error
    assert recorder.messages[-1].kind == kind


def test_lines() -> None:
    assert line_of(Message("begin", "kafka", "x")) is None
    assert line_of(Message("cancel", "kafka", "x")) is None
    assert line_of(Message("say", "", "hello")) == "hello"
    ended = line_of(Message("end", "kafka", "Apache Kafka", 1.26))
    assert ended is not None
    assert ended.split() == ["ok", "kafka", "Apache", "Kafka", "1.3", "s"]


def test_messages_survive_the_pipe() -> None:
    reader, writer = os.pipe()
    listener = PipeListener(writer)
    sent = [Message("end", "kafka", "üñ", 1.5), Message("ready", "", "a\nb")]
    for message in sent:
        listener(message)
    os.close(writer)
    with os.fdopen(reader) as lines:
        assert [parse_message(line) for line in lines] == sent


def test_nobody_listening_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    PipeListener(writer)(Message("say", "", "hello"))
    os.close(writer)
    out = io.StringIO()
    PlainListener(out)(Message("say", "", "hello"))
    assert out.getvalue() == "hello\n"

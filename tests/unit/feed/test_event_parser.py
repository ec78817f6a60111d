"""Server-sent events, in whatever pieces they arrive."""

import pytest

from docustore.feed.event_parser import EventParser, ServerSentEvent

STREAM = (
    b'retry: 500\nid: 4\nevent: ready\ndata: {"after":4}\n\n'
    b'id: 5\nevent: change\ndata: {"id":5}\n\n'
    b": heartbeat\nid: 9\n\n"
    b"data: one\ndata: two\n\n"
)
EVENTS = [
    ServerSentEvent(name="ready", id="4", data='{"after":4}'),
    ServerSentEvent(name="change", id="5", data='{"id":5}'),
    ServerSentEvent(name="message", id="9", data=""),
    ServerSentEvent(name="message", id="9", data="one\ntwo"),
]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_events_are_the_same_in_any_pieces(size: int, newline: bytes) -> None:
    parser, stream = EventParser(), STREAM.replace(b"\n", newline)

    found = [event for start in range(0, len(stream), size) for event in parser.feed(stream[start : start + size])]

    assert found == EVENTS


def test_incomplete_event_is_no_event() -> None:
    """A connection may end in the middle of one."""
    assert EventParser().feed(b'id: 5\nevent: change\ndata: {"id":5}\n') == []


def test_id_with_a_null_byte_is_ignored() -> None:
    (event,) = EventParser().feed(b"id: 5\0\ndata: x\n\n")

    assert event.id is None

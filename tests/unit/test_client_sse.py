"""Server-sent events: from bytes to news."""

import pytest

from tlfif.client.sse import SseReader
from tlfif.jobs.events import Event, EventKind
from tlfif.wire.jobs import MachineUpdate

DELTA = 'id: 3\nevent: delta\ndata: {"at": 2.5, "text": "Grüße\u2028\x85!"}\n\n'.encode()
EXPECTED = Event(seq=3, kind=EventKind.DELTA, at=2.5, data={"text": "Grüße\u2028\x85!"})


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_events_come_whole_however_the_bytes_are_cut(step: int) -> None:
    reader = SseReader()
    stream = DELTA + b": alive\n\n" + DELTA
    found = [n for i in range(0, len(stream), step) for n in reader.feed(stream[i : i + step])]
    assert found == [EXPECTED, None, EXPECTED]


def test_an_event_cut_off_by_a_broken_connection_is_not_given_out() -> None:
    assert list(SseReader().feed(DELTA[:-1])) == []


def test_news_of_the_machine_have_no_number() -> None:
    assert list(SseReader().feed(b'event: machine\ndata: {"state": "loading"}\n\n')) == [
        MachineUpdate(machine={"state": "loading"})
    ]


def test_kinds_of_a_newer_server_are_passed_over() -> None:
    assert list(SseReader().feed(b'id: 4\nevent: sang\ndata: {"at": 1}\n\n' + DELTA)) == [None, EXPECTED]


def test_carriage_returns_are_borne() -> None:
    assert list(SseReader().feed(DELTA.replace(b"\n", b"\r\n"))) == [EXPECTED]


@pytest.mark.parametrize("bad", [b"event: delta\ndata: {\n\n", b"id: 1\nevent: delta\n\n"])
def test_nonsense_is_refused(bad: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(SseReader().feed(bad))

"""What is written in one turn of the event loop leaves the server in one call."""

import asyncio

from tlfif.api.ingress import MOST_GATHERED, _Gathering


class Transport(asyncio.Transport):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed


async def test_head_and_body_are_one_call() -> None:
    transport = Transport()
    gathering = _Gathering(transport, asyncio.get_running_loop())
    gathering.write(b"HTTP/1.1 200 OK\r\n\r\n")
    gathering.write(b"")
    gathering.write(b"hi")
    assert transport.sent == []
    await asyncio.sleep(0)
    assert transport.sent == [b"HTTP/1.1 200 OK\r\n\r\nhi"]
    gathering.write(b"more")
    await asyncio.sleep(0)
    assert transport.sent[1:] == [b"more"]


async def test_much_is_not_gathered_and_closing_sends_the_rest() -> None:
    transport = Transport()
    gathering = _Gathering(transport, asyncio.get_running_loop())
    gathering.write(b"x" * (MOST_GATHERED + 1))
    assert [len(sent) for sent in transport.sent] == [MOST_GATHERED + 1]
    gathering.write(b"bye")
    gathering.close()
    assert (transport.sent[-1], transport.closed) == (b"bye", True)


async def test_a_client_that_has_left_is_sent_nothing() -> None:
    transport = Transport()
    gathering = _Gathering(transport, asyncio.get_running_loop())
    gathering.write(b"hi")
    gathering.abort()
    await asyncio.sleep(0)
    assert (transport.sent, gathering.is_closing()) == ([], True)

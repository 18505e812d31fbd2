"""An answer's head and body leave in one write, and nothing of an answer stays behind."""

import asyncio
from typing import Any, cast

import pytest

from producer.whole_answers import WholeAnswers
from tests.producer.test_connection import connection

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
REQUEST = b"%s / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


class FakeTransport:
    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def close(self) -> None:
        self.written.append(b"closed")

    def is_closing(self) -> bool:
        return True


def answers() -> tuple[WholeAnswers, list[bytes]]:
    transport = FakeTransport()
    return WholeAnswers(cast("asyncio.Transport", transport)), transport.written


def test_head_and_body_are_one_write_and_what_follows_is_not_held() -> None:
    out, written = answers()
    for part in (HEAD, b"body", b"more", HEAD, b"next"):
        out.write(part)
    assert written == [HEAD + b"body", b"more", HEAD + b"next"]


def test_an_interim_answer_goes_at_once() -> None:
    out, written = answers()
    out.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert written == [b"HTTP/1.1 100 Continue\r\n\r\n"]


@pytest.mark.parametrize("end", ["flush", "close"])
def test_a_head_without_a_body_goes_in_the_end_and_once(end: str) -> None:
    out, written = answers()
    out.write(HEAD)
    assert written == []
    getattr(out, end)()
    out.flush()
    assert [part for part in written if part != b"closed"] == [HEAD]
    assert written[0] == HEAD


def test_all_else_is_the_transport_s_own() -> None:
    assert answers()[0].is_closing()


async def hello(scope: Any, _: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_an_answer_to_head_is_not_held_back() -> None:
    async with connection(hello) as (reader, writer):
        writer.write(REQUEST % b"HEAD" + REQUEST % b"GET")
        first = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
        second = await asyncio.wait_for(reader.readuntil(b"hello"), 5)
        assert first.startswith(b"HTTP/1.1 200")
        assert second.startswith(b"HTTP/1.1 200")


async def test_an_answer_that_breaks_off_after_its_head_still_sends_it() -> None:
    async def broken(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        raise RuntimeError

    async with connection(broken) as (reader, writer):
        writer.write(REQUEST % b"GET")
        assert (await asyncio.wait_for(reader.read(), 5)).startswith(b"HTTP/1.1 200")

"""A buffer that was full takes more again only once that is worth it."""

import pytest

from producer.buffer import Buffer, Pending, Room
from producer.errors import BufferFullError
from tests.producer.builders import lines


def has_room(buffer: Buffer) -> bool:
    return buffer.has_room


def taken(buffer: Buffer) -> list[Pending]:
    return [pending for pack in buffer.take() for pending in pack.members]


def full_buffer() -> Buffer:
    buffer = Buffer(Room(100, 1_000_000, record_bytes=1), 10, lambda: 0.0)
    for number in range(100):
        buffer.submit(lines(1, str(number)))
    return buffer


async def test_a_full_buffer_has_room_until_it_refuses() -> None:
    buffer = full_buffer()
    assert has_room(buffer), "the next one may still be refused, which tells how much is missing"
    with pytest.raises(BufferFullError):
        buffer.submit(lines(1))
    assert not has_room(buffer)


@pytest.mark.parametrize(("refused", "free"), [(1, 10), (10, 10), (40, 40), (100, 100)])
async def test_it_has_room_again_when_what_it_refused_would_fit_and_a_tenth_is_free(refused: int, free: int) -> None:
    buffer = full_buffer()
    with pytest.raises(BufferFullError):
        buffer.submit(lines(refused))
    waiting = taken(buffer)
    for pending in waiting[: free - 1]:
        buffer.settle(pending, durable=True)
    assert not has_room(buffer)
    buffer.settle(waiting[free - 1], durable=True)
    assert has_room(buffer)
    buffer.submit(lines(refused))


async def test_what_was_on_its_way_and_fits_does_not_open_it_to_others() -> None:
    buffer = full_buffer()
    with pytest.raises(BufferFullError):
        buffer.submit(lines(50))
    waiting = taken(buffer)
    for pending in waiting[:20]:
        buffer.settle(pending, durable=True)
    buffer.submit(lines(5))
    assert not has_room(buffer)
    for pending in waiting[20:]:
        buffer.settle(pending, durable=True)
    assert has_room(buffer)

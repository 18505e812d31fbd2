"""SubscribeToShard.

Defects: ministack ends a subscription to a parent only once the shard is deleted, and with a sequence number to go on
from, by which KCL knows a shard that goes on; five times a second it looks at every record of the shard.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.emulator.answers import RefusedError
from infra.local.emulator.codecs import Codec
from infra.local.emulator.lineage import children
from infra.local.emulator.reading import Reading, is_ended, record_out, shard_of
from infra.local.emulator.shapes import OK, Answer, Body, Receive, Request, Send, Shard, Stream
from infra.local.emulator.upstream import (
    StreamingResponse,
    consumer_by_arn,
    consumers,
    error_answer,
    eventstream_message,
    stream_by_arn,
    streams,
)

SUBSCRIPTION_SECONDS = 300.0
TAKEOVER_SECONDS = 5.0
IDLE_EVENT_SECONDS = 5.0
POLL_SECONDS = 0.2
EVENT_RECORDS = 1000
EVENT_BYTES = 1024 * 1024
EVENTSTREAM = {"Content-Type": "application/vnd.amazon.eventstream"}


class FanOut:
    """``stopping`` ends all subscriptions, so that the server can stop; ``monotonic`` gives seconds."""

    def __init__(self, reading: Reading, monotonic: Callable[[], float], stopping: asyncio.Event) -> None:
        self.reading = reading
        self.monotonic = monotonic
        self.stopping = stopping
        self.live: dict[tuple[str, str], Subscription] = {}

    def subscribe_to_shard(self, request: Request, codec: Codec) -> Answer:
        try:
            subscription = self._subscription(request, codec)
        except RefusedError as error:
            return error_answer(error.code, str(error), 400)
        self.live[subscription.key] = subscription
        return OK, EVENTSTREAM, StreamingResponse(subscription.run)

    def _subscription(self, request: Request, codec: Codec) -> "Subscription":
        consumer_arn, shard_id, start = request["ConsumerARN"], request["ShardId"], request["StartingPosition"]
        stream = _stream_of_consumer(consumer_arn)
        shard = shard_of(stream, shard_id)
        previous = self.live.get((consumer_arn, shard_id))
        if previous and self.monotonic() - previous.begun < TAKEOVER_SECONDS:
            raise RefusedError("ResourceInUseException", f"{consumer_arn} has an active subscription to {shard_id}")
        after = self.reading.start(shard, start["Type"], start.get("SequenceNumber"), start.get("Timestamp"))
        return Subscription(self, codec, consumer_arn, stream, shard_id, after, self.monotonic())


@dataclass
class Subscription:
    """A consumer's place in a shard, and what it is sent from there on."""

    fan_out: FanOut
    codec: Codec
    consumer_arn: str
    stream: Stream
    shard_id: str
    after: int
    begun: float
    sent_at: float | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.consumer_arn, self.shard_id

    async def run(self, send: Send, receive: Receive) -> None:
        ended = [asyncio.create_task(_disconnected(receive)), asyncio.create_task(self.fan_out.stopping.wait())]
        try:
            await self._send(send, "initial-response", {})
            while await self._advance(send) and not await self._is_over(ended):
                pass
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            for task in ended:
                task.cancel()
            if self.fan_out.live.get(self.key) is self:
                del self.fan_out.live[self.key]

    async def _is_over(self, ended: list[asyncio.Task[Any]]) -> bool:
        """Whether one of ``ended`` is done; waits a poll's time for it unless there is more to send."""
        more = self.stream["shards"][self.shard_id]["records"].next_arrival(self.after) is not None
        timeout = 0 if more else POLL_SECONDS
        done, _ = await asyncio.wait(ended, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)

    async def _advance(self, send: Send) -> bool:
        """Sends what there is; whether there may be more."""
        if failure := self._failure():
            await self._send(send, failure.code, {"message": str(failure)}, kind="exception")
            return False
        shard = self.stream["shards"][self.shard_id]
        if records := self._next(shard):
            await self._send_event(send, {"Records": records, **self._whereabouts(shard)})
        if is_ended(shard, self.after):
            end = {"Records": [], "MillisBehindLatest": 0, "ChildShards": children(self.stream, self.shard_id)}
            await self._send_event(send, end)
            return False
        if self._is_idle():
            await self._send_event(send, {"Records": [], **self._whereabouts(shard)})
        return self.fan_out.monotonic() - self.begun < SUBSCRIPTION_SECONDS

    def _failure(self) -> RefusedError | None:
        if self.fan_out.live.get(self.key) is not self:
            return RefusedError("ResourceInUseException", "The subscription was taken over")
        if not self._exists():
            return RefusedError("ResourceNotFoundException", "The stream, the shard or the consumer is gone")
        return None

    def _exists(self) -> bool:
        has_stream = any(stream is self.stream for stream in streams.all_values())
        has_consumer = any(consumer["ConsumerARN"] == self.consumer_arn for consumer in consumers.all_values())
        return has_stream and has_consumer and self.shard_id in self.stream["shards"]

    def _next(self, shard: Shard) -> list[Body]:
        records = shard["records"].read(self.after, EVENT_RECORDS, EVENT_BYTES)
        if records:
            self.after = records[-1].sequence_number
        return [record_out(record, self.stream) for record in records]

    def _whereabouts(self, shard: Shard) -> Body:
        return {
            "ContinuationSequenceNumber": str(self.after or shard["starting_sequence_number"]),
            "MillisBehindLatest": self.fan_out.reading.millis_behind(shard, self.after),
        }

    def _is_idle(self) -> bool:
        return self.sent_at is None or self.fan_out.monotonic() - self.sent_at >= IDLE_EVENT_SECONDS

    async def _send_event(self, send: Send, payload: Body) -> None:
        await self._send(send, "SubscribeToShardEvent", payload)
        self.sent_at = self.fan_out.monotonic()

    async def _send(self, send: Send, name: str, payload: Body, kind: str = "event") -> None:
        headers = {":message-type": kind, f":{kind}-type": name, ":content-type": self.codec.event_type}
        message = eventstream_message(headers, self.codec.encode(payload))
        await send({"type": "http.response.body", "body": message, "more_body": True})


def _stream_of_consumer(consumer_arn: str) -> Stream:
    consumer = consumer_by_arn(consumer_arn)
    stream = stream_by_arn(consumer["StreamARN"]) if consumer else None
    if stream is None:
        raise RefusedError("ResourceNotFoundException", f"Consumer {consumer_arn} not found")
    return stream


async def _disconnected(receive: Receive) -> None:
    while (await receive()).get("type") != "http.disconnect":
        pass

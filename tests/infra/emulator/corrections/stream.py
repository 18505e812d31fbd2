"""Kinesis' CreateStream drops the tags."""

from typing import Any

from moto.kinesis.responses import KinesisResponse

from tests.infra.emulator.replacing import after


def correct() -> None:
    after(KinesisResponse, "create_stream", _tag)


def _tag(_: Any, request: Any) -> None:
    if tags := request._get_param("Tags"):
        request.kinesis_backend.add_tags_to_stream(None, request._get_param("StreamName"), tags)

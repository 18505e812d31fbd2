"""Builds the corrections and puts them into ministack, which reads its environment when this is imported."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from infra.local.emulator import archive, endpoint, lineage, listing, mail, retention, stream_state
from infra.local.emulator.answers import answering
from infra.local.emulator.calls import Calls
from infra.local.emulator.fan_out import FanOut
from infra.local.emulator.firehose import Deliveries
from infra.local.emulator.reading import Reading
from infra.local.emulator.resharding import Resharding
from infra.local.emulator.sequence import SequenceNumbers
from infra.local.emulator.state import SavedState, StateUnreadableError
from infra.local.emulator.upstream import (
    access_key_of,
    app,
    firehose,
    from_json,
    iam_action_of,
    kinesis,
    load_service_state,
    ses,
    to_json,
)


def correct_kinesis(numbers: SequenceNumbers, stopping: asyncio.Event) -> None:
    """``stopping`` ends the subscriptions."""
    expire = retention.expiring(time.time)
    reading = Reading(numbers, time.time, expire)
    resharding = Resharding(numbers, time.time)
    fan_out = FanOut(reading, time.monotonic, stopping)
    _replace(kinesis, "_next_sequence_number", numbers.next)
    _replace(kinesis, "_expire_records", expire)
    _replace(kinesis, "_route_to_shard", lineage.shard_for)
    _replace(kinesis, "_get_shard_iterator", answering(reading.get_shard_iterator))
    _replace(kinesis, "_get_records", answering(reading.get_records))
    _replace(kinesis, "_split_shard", answering(resharding.split_shard))
    _replace(kinesis, "_merge_shards", answering(resharding.merge_shards))
    _replace(kinesis, "_update_shard_count", answering(resharding.update_shard_count))
    _replace(kinesis, "json_response", endpoint.unencoded)
    _wrap(kinesis, "handle_request", lambda handle: endpoint.speaking(handle, fan_out.subscribe_to_shard))
    _correct_listing()


def _correct_listing() -> None:
    _wrap(kinesis, "_build_shards", lambda build: listing.building(build, time.time))
    _wrap(kinesis, "_create_stream", lambda create: listing.creating(create, time.time))
    _wrap(kinesis, "_list_shards", lambda list_shards: listing.filtering(list_shards, time.time))
    _wrap(kinesis, "_describe_stream_summary", listing.summarizing)
    _wrap(kinesis, "_shard_out", listing.telling)


def correct_firehose(numbers: SequenceNumbers, max_interval: float) -> Deliveries:
    """Whoever serves runs the deliveries, and flushes them at the end."""
    deliveries = Deliveries(archive.put_object, numbers, max_interval, time.time, time.monotonic)
    _wrap(firehose, "_deliver_records_to_s3", deliveries.buffering)
    _wrap(firehose, "ingest_from_kinesis_source", deliveries.ingesting)
    _wrap(firehose, "reset", deliveries.forgetting)
    return deliveries


def correct_ses() -> None:
    _wrap(ses, "_send_raw_email", mail.keeping_raw)
    _wrap(app, "_handle_ses_messages_request", mail.showing_raw)


def correct_state(numbers: SequenceNumbers, folder: Path) -> None:
    """Restores what was saved, before ministack would. Raises StateUnreadableError."""
    saved = SavedState(folder, to_json, from_json)
    _replace(app, "load_state", lambda _service: None)
    _replace(app, "save_all", saved.save)
    _wrap(app, "_reset_all_state", saved.forgetting)
    _replace(kinesis, "get_state", stream_state.saving(numbers))
    _wrap(kinesis, "load_persisted_state", lambda load: stream_state.restoring(load, numbers))
    _wrap(ses, "get_state", mail.saving)
    _wrap(ses, "load_persisted_state", mail.restoring)
    for service, state in saved.load().items():
        try:
            load_service_state(service, state)
        except Exception as error:
            raise StateUnreadableError(f"{service}'s state can't be restored ({error!r}); remove {folder}") from error


def note_calls() -> None:
    """Not a correction: what was called, and by whom, can be asked."""
    calls = Calls(access_key_of, iam_action_of)
    _wrap(app, "_dispatch_service_request", calls.noting)
    _wrap(app, "_handle_pre_body_request", calls.showing)


def close_the_doors() -> None:
    """ministack runs scripts it finds in folders of that machine meant for containers: not here."""
    _replace(app, "_collect_scripts", lambda *_folders: [])


def _wrap(module: ModuleType, name: str, wrapper: Callable[[Any], object]) -> None:
    _replace(module, name, wrapper(getattr(module, name)))


def _replace(module: ModuleType, name: str, replacement: object) -> None:
    """In the place of a name that must be there."""
    assert hasattr(module, name), f"{module.__name__} has no {name}"
    setattr(module, name, replacement)

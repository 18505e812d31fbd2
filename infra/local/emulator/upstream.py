"""What the corrections use of ministack 1.5.33: its private names, once, with types.

They may change with any release of it, so its version is pinned exactly. Importing this reads ministack's environment.
"""

# ruff: noqa: SLF001 - the corrections reach ministack's private names, here and nowhere else

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from ministack import app
from ministack.core import iam_actions, persistence, responses, router
from ministack.services import firehose, kinesis, s3, ses

from infra.local.emulator.shapes import Answer, Receive, Request, Send, Stream

StreamingResponse: Callable[[Callable[[Send, Receive], Awaitable[None]]], Any] = responses.StreamingResponse
error_answer: Callable[[str, str, int], Answer] = responses.error_response_json
request_scope: Callable[[str, str], AbstractContextManager[None]] = responses.request_scope
ScopedDict: Callable[[], Any] = responses.AccountRegionScopedDict

to_json: Callable[[Any], Any] = persistence._json_default
from_json: Callable[[dict[str, Any]], Any] = persistence._json_object_hook

streams: Any = kinesis._streams
consumers: Any = kinesis._consumers
resource_policies: Any = kinesis._resource_policies
stream_by_arn: Callable[[str], Stream | None] = kinesis._resolve_stream_by_arn
consumer_by_arn: Callable[[str], Mapping[str, str] | None] = kinesis._consumer_from_arn
eventstream_message: Callable[[Mapping[str, str], bytes], bytes] = kinesis._eventstream_message

delivery_streams: Any = firehose._streams
evaluated_prefix: Callable[[str, Any], str] = firehose._evaluate_prefix
bucket_of_arn: Callable[[str], str] = firehose._s3_bucket_from_arn

sent_mails: Any = ses._sent_emails
mails_of_this_account: Callable[[], list[dict[str, Any]]] = ses._sent_emails_list


access_key_of: Callable[[Mapping[str, str], Mapping[str, Any]], str] = router.extract_access_key_id


def iam_action_of(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any]
) -> str | None:
    """``kinesis:PutRecords`` of such a request; None of one that no policy is asked about."""
    service = router.detect_service(method, path, headers, query)
    found: str | None = iam_actions.extract_iam_action(service, method, path, headers, body, query)
    return found


def load_service_state(service: str, state: Any) -> None:
    """``service`` as its state was saved under."""
    app._get_module(app._state_map[service]).load_persisted_state(state)


def find_stream(request: Request) -> Stream | None:
    """The stream that ``StreamName`` or ``StreamARN`` names."""
    found: Stream | None = kinesis._resolve_stream(request)[1]
    return found


__all__ = ["app", "firehose", "kinesis", "s3", "ses"]

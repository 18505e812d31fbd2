"""What can go wrong, sorted by what the caller does about it.

ProducerError
├── RequestError             reject: the request is wrong; each class carries its HTTP status
│   ├── UnreadableError            400
│   ├── UnauthorizedError          401
│   ├── TooSlowError               408
│   ├── TooLargeError              413
│   ├── UnsupportedError           415
│   ├── QuotaSpentError            429
│   ├── OverloadedError            503
│   └── NotReadyError              503
├── BufferFullError          retry: more is waiting to be published than may wait
├── StreamUnavailableError   retry: the stream is down, slow or busy
├── StreamBrokenError        crash: no retry helps, somebody has to mend the deployment
├── NotWellError             retry: the service is not live, or not ready
└── SettingsError            crash: the process must not start
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import ClassVar


class ProducerError(Exception):
    """The root of this package's errors. No message of theirs holds a payload, a key or account data."""


class RequestError(ProducerError):
    """The request is answered with `status` and a problem document; the message is its detail."""

    status: ClassVar[HTTPStatus]

    def __init__(self, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})


class UnreadableError(RequestError):
    """The body is no JSON, or no envelope of records."""

    status = HTTPStatus.BAD_REQUEST


class UnauthorizedError(RequestError):
    """No key, or none that is valid now; every cause reads the same."""

    status = HTTPStatus.UNAUTHORIZED

    def __init__(self) -> None:
        super().__init__("a valid API key is required", {"www-authenticate": 'ApiKey header="x-api-key"'})


class TooSlowError(RequestError):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLargeError(RequestError):
    """Too many bytes or too many records."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedError(RequestError):
    """Not application/json, not UTF-8, or a content encoding other than gzip."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class RetryLaterError(RequestError):
    """The same request can succeed after `seconds`."""

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail, {"retry-after": str(seconds)})


class QuotaSpentError(RetryLaterError):
    """The key has sent more transactions than its quota allows."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class OverloadedError(RetryLaterError):
    """This process has as much under way as it can hold; `cause` is a word for the metrics."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, detail: str, seconds: int, cause: str) -> None:
        super().__init__(detail, seconds)
        self.cause = cause


class NotReadyError(RetryLaterError):
    """This process can't serve now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class BufferFullError(ProducerError):
    """Nothing of the submission was taken."""


class StreamUnavailableError(ProducerError):
    """The call failed as a whole and may have written nothing, something or everything; it can be made again."""


class StreamBrokenError(ProducerError):
    """The call was refused for good: access, a missing stream, an invalid call."""


class NotWellError(ProducerError):
    """The service does not answer a health check as it should; the message says what it answered."""


class SettingsError(ProducerError):
    """Names every setting that is missing or wrong, and none of their values."""

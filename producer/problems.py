"""Every error is an RFC 9457 problem document. Its status says what a client has to do, so `type` is about:blank."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from producer.errors import RequestError
from producer.receipts import Receipts

MEDIA_TYPE = "application/problem+json"
DETAILS = {
    HTTPStatus.NOT_FOUND: "there is nothing at this path",
    HTTPStatus.METHOD_NOT_ALLOWED: "this path does not take this method",
    HTTPStatus.INTERNAL_SERVER_ERROR: "an unexpected error, which is logged; nothing is known about the records",
}


def problem(
    status: HTTPStatus,
    detail: str,
    headers: Mapping[str, str] | None = None,
    receipts: Receipts | None = None,
    state: str | None = None,
) -> Response:
    """`receipts` add their totals and records as members of the document, and so does `state`."""
    members = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    more = msgspec.structs.asdict(receipts) if receipts else {"state": state} if state else {}
    return Response(msgspec.json.encode(members | more), status, headers, MEDIA_TYPE)


def request_problem(error: RequestError) -> Response:
    return problem(error.status, error.detail, error.headers)


def on_the_wire(response: Response) -> bytes:
    """The whole answer, for a connection that has no application to answer it, and ends with it."""
    head = [f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()]
    head += [b"%b: %b" % header for header in (*response.raw_headers, (b"connection", b"close"))]
    return b"\r\n".join([*head, b"", bytes(response.body)])


def answer_with_problems(app: FastAPI) -> None:
    """Makes problem documents of what the framework itself refuses, and of what nobody expected."""

    async def refused(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.status_code)
        return problem(status, DETAILS.get(status, status.description), error.headers)

    async def unexpected(_: Request, __: Exception) -> Response:
        status = HTTPStatus.INTERNAL_SERVER_ERROR
        return problem(status, DETAILS[status])

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Exception, unexpected)

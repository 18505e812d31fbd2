"""The OpenAPI document, written from the contract: the records' schema is the one that they are read with."""

from typing import Any

import msgspec

from producer.collect import RequestLimits
from producer.problems import MEDIA_TYPE
from producer.validate import FieldError, Record

TITLE = "Payment collector"
PATH = "/collector/transactions"
EXAMPLE = {
    "trxId": "4b4bb47f-44c5-43a2-b7be-2a1cd13a3b0b",
    "amount": 1500.25,
    "senderId": "sender-1",
    "receiverId": "receiver-1",
    "senderIban": "GRxxxxxxxxxxxxxxx",
    "receiverIban": "GRyyyyyyyyyyyyyyy",
    "senderBankId": "bank-1",
    "receiverBankId": "bank-2",
    "transactionDate": "2022-06-30T07:41:46+0000",
}
DESCRIPTION = """\
Takes transactions and answers each with a receipt: **accepted** once it is durable in the stream, **rejected** with
everything that is wrong with it, or **unavailable**: not known to be durable, send it again.

The body may be compressed by gzip (`Content-Encoding: gzip`); limits count what it inflates to. A record names no
field twice and holds no half of a surrogate pair; one that is wrong and longer than 16 KiB is not examined further.

Resubmitting the same content is always safe. When the answer was lost, or was 429, 502, 503 or 504, send the whole
request again; after 207 send again only what was unavailable.
"""
PROBLEMS = {
    400: "Not JSON, or not one object with `records`",
    401: "The key is missing, unknown, expired or revoked",
    408: "The request did not arrive in time",
    413: "Too many bytes, inflated, or too many records",
    415: "Not application/json in UTF-8, or encoded by anything but gzip",
    429: "The key's quota is spent; send it again after `Retry-After` seconds",
    431: "URL or header fields are too large, or too many",
    500: "An error on our side",
}
_REF = "#/components/schemas/"


def describe(limits: RequestLimits) -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": "1", "description": DESCRIPTION},
        "paths": {
            PATH: {"post": _collect()},
            "/health/live": {"get": _plain("The process runs")},
            "/health/ready": {"get": _plain("Requests can be served", {"503": _problem("Not now; `detail` says why")})},
            "/metrics": {"get": _plain("Metrics in Prometheus' text format", media_type="text/plain")},
        },
        "components": {
            "schemas": _schemas(limits),
            "securitySchemes": {"apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"}},
        },
    }


def _collect() -> dict[str, Any]:
    return {
        "operationId": "collectTransactions",
        "summary": "Collect transactions",
        "security": [{"apiKey": []}],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Transactions"), "example": {"records": [EXAMPLE]}}},
        },
        "responses": {
            "202": _response("Every record is accepted", "Receipts", "application/json"),
            "207": _response("A mix of accepted, rejected and unavailable", "Receipts", "application/json"),
            "422": _response("Every record is rejected", "ProblemWithReceipts"),
            "503": _with_retry_after(
                _response("Nothing could be published, or too much is under way; send it again", "ProblemWithReceipts")
            ),
            **{str(status): _problem(words) for status, words in PROBLEMS.items()},
            "429": _with_retry_after(_problem(PROBLEMS[429])),
        },
    }


def _plain(words: str, more: dict[str, Any] | None = None, media_type: str = "application/json") -> dict[str, Any]:
    return {"summary": words, "responses": {"200": {"description": words, "content": {media_type: {}}}, **(more or {})}}


def _problem(words: str) -> dict[str, Any]:
    return _response(words, "Problem")


def _response(words: str, schema: str, media_type: str = MEDIA_TYPE) -> dict[str, Any]:
    return {"description": words, "content": {media_type: {"schema": _ref(schema)}}}


def _with_retry_after(response: dict[str, Any]) -> dict[str, Any]:
    header = {"description": "Seconds to wait", "schema": {"type": "integer", "minimum": 1}}
    return {**response, "headers": {"Retry-After": header}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _REF + name}


def _schemas(limits: RequestLimits) -> dict[str, Any]:
    _, components = msgspec.json.schema_components((Record, FieldError), ref_template=_REF + "{name}")
    records = {"type": "array", "items": _ref("Record"), "minItems": 1, "maxItems": limits.records}
    return {
        **components,
        "Transactions": _object({"records": records}, closed=True),
        "Published": _object(
            {"trxId": {"type": "string", "format": "uuid"}, "status": _one_of("accepted", "unavailable")}
        ),
        "Rejected": _object(
            {
                "index": {"type": "integer", "minimum": 0, "description": "The record's place in the request, from 0"},
                "status": _one_of("rejected"),
                "errors": {"type": "array", "items": _ref("FieldError"), "minItems": 1},
            }
        ),
        "Receipts": _object(_receipts()),
        "Problem": _object(_problem_members()),
        "ProblemWithReceipts": _object(_problem_members() | _receipts(), required=list(_problem_members())),
    }


def _receipts() -> dict[str, Any]:
    count = {"type": "integer", "minimum": 0}
    receipt = {"oneOf": [_ref("Published"), _ref("Rejected")]}
    records = {"type": "array", "items": receipt, "description": "One receipt a record, in request order"}
    return {"accepted": count, "rejected": count, "unavailable": count, "records": records}


def _problem_members() -> dict[str, Any]:
    text = {"type": "string"}
    return {"type": text, "title": text, "status": {"type": "integer"}, "detail": text}


def _one_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _object(properties: dict[str, Any], required: list[str] | None = None, *, closed: bool = False) -> dict[str, Any]:
    found = {"type": "object", "properties": properties, "required": required or list(properties)}
    return {**found, "additionalProperties": False} if closed else found

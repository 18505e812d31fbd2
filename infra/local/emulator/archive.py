"""Writes delivered objects to ministack's S3, in the account and region of the delivery stream."""

from infra.local.emulator.firehose import DeliveryFailedError
from infra.local.emulator.shapes import OK
from infra.local.emulator.upstream import request_scope, s3


async def put_object(delivery_stream_arn: str, bucket: str, key: str, body: bytes) -> None:
    """Raises DeliveryFailedError."""
    headers = {
        "host": "s3.localhost",
        "content-type": "application/octet-stream",
        "content-length": str(len(body)),
    }
    region, account = delivery_stream_arn.split(":")[3:5]
    with request_scope(account, region):
        status, _, answer = await s3.handle_request("PUT", f"/{bucket}/{key}", headers, body, {}, internal=True)
    if status != OK:
        raise DeliveryFailedError(f"S3 answered {status} to {key}: {bytes(answer).decode(errors='replace')}")

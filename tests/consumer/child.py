"""What a child is told by the daemon that starts it."""

from consumer.main import ChildSettings


def child_settings(database_url: str) -> ChildSettings:
    return ChildSettings(
        database_url=database_url,
        database_auth="password",
        aws_region="eu-west-1",
        stream_name="payments",
        stream_incarnation="payments@2026-01-01T00:00:00Z",
        application_name="payment-anomalies",
        log_format="json",
        log_level="INFO",
    )

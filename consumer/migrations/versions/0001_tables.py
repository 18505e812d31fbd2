"""The tables.

Revision ID: 0001
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")
ZERO = sa.text("0")


def upgrade() -> None:
    _create_anomalies()
    _create_conflicts()
    _create_dead_letters()
    _create_emails()
    _create_shard_progress()
    _create_throughput()
    _create_alerts()
    op.execute("COMMENT ON TABLE alembic_version IS 'Revision of these tables, kept by the migrations'")


def downgrade() -> None:
    for table in ("alerts", "throughput", "shard_progress", "emails", "dead_letters", "conflicts", "anomalies"):
        op.drop_table(table)


def _create_anomalies() -> None:
    op.create_table(
        "anomalies",
        _column("id", sa.BigInteger, "Number of the anomaly", sa.Identity(always=True)),
        _column("transaction_id", sa.Uuid, "trxId of the transaction, in lower case"),
        _column("rule_id", sa.Text, "The rule that matched"),
        _column("rule_version", sa.Integer, "Version of the rule that matched"),
        _column("reason", sa.Text, "Why it matched, in words with the values"),
        _column("amount", sa.Numeric, "Exact amount, as the client sent it"),
        _column("sender_id", sa.Text, "Paying party"),
        _column("receiver_id", sa.Text, "Paid party"),
        _column("sender_iban", sa.Text, "Account paid from; may be masked"),
        _column("receiver_iban", sa.Text, "Account paid to; may be masked"),
        _column("sender_bank_id", sa.Text, "Bank of the paying party"),
        _column("receiver_bank_id", sa.Text, "Bank of the paid party"),
        _column("transaction_date", TIME, "When the payment was made, by the client's clock"),
        _column("received_at", TIME, "When the producer took it, by the producer's clock"),
        _column("detected_at", TIME, "When this row was stored", server_default=NOW),
        _column("stream_incarnation", sa.Text, "Stream ARN and creation time that the record came from"),
        _column("shard_id", sa.Text, "Kinesis shard of the record"),
        _column("sequence_number", sa.Numeric, "Kinesis sequence number of the record"),
        _column("line", sa.Integer, "Line of the transaction in its record, from 1"),
        sa.PrimaryKeyConstraint("id", name="anomalies_pkey"),
        sa.UniqueConstraint("transaction_id", "rule_id", name="anomalies_transaction_id_rule_id_key"),
        comment="Transactions that matched a rule: one row for each transaction and rule, "
        "however often it is delivered",
    )
    op.create_index("anomalies_detected_at_idx", "anomalies", ["detected_at"])


def _create_conflicts() -> None:
    op.create_table(
        "conflicts",
        _column("transaction_id", sa.Uuid, "trxId that two different contents claim"),
        _column("other_digest", sa.Text, "SHA-256 of the other content: each other content is recorded once"),
        _column("known", JSONB, "The content stored first; it stays"),
        _column("other", JSONB, "The different content that came under the same trxId"),
        _column("stream_incarnation", sa.Text, "Stream ARN and creation time of the other content's record"),
        _column("shard_id", sa.Text, "Kinesis shard of the other content's record"),
        _column("sequence_number", sa.Numeric, "Kinesis sequence number of the other content's record"),
        _column("line", sa.Integer, "Line of the other content in its record, from 1"),
        _column("detected_at", TIME, "When this row was stored", server_default=NOW),
        sa.PrimaryKeyConstraint("transaction_id", "other_digest", name="conflicts_pkey"),
        comment="Different content under a known trxId, with both versions; each trxId is also an anomaly of the rule "
        "conflicting-content and so alerted, once: further versions are recorded here and nobody is told",
    )


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        _column("stream_incarnation", sa.Text, "Stream ARN and creation time that the record came from"),
        _column("shard_id", sa.Text, "Kinesis shard of the record"),
        _column("sequence_number", sa.Numeric, "Kinesis sequence number of the record"),
        _column("line", sa.Integer, "Line in the record, from 1", autoincrement=False),
        _column("payload", sa.LargeBinary, "The line's bytes as they came"),
        _column("reason", sa.Text, "Why it could not be evaluated"),
        _column("state", sa.Text, "open, redriven or discarded", server_default="open"),
        _column(
            "history",
            JSONB,
            "What was done about it: a list of {at, state, by, note}, oldest first",
            server_default=sa.text("'[]'"),
        ),
        _column("arrived_at", TIME, "When Kinesis took the record"),
        _column("first_seen_at", TIME, "When this row was stored", server_default=NOW),
        sa.CheckConstraint("state IN ('open', 'redriven', 'discarded')", name=op.f("dead_letters_state_check")),
        sa.PrimaryKeyConstraint("stream_incarnation", "shard_id", "sequence_number", "line", name="dead_letters_pkey"),
        comment="Lines of the stream that could not be evaluated: kept with bytes, position and reason, never skipped",
    )
    op.create_index(
        "dead_letters_open_idx", "dead_letters", ["first_seen_at"], postgresql_where=sa.text("state = 'open'")
    )


def _create_emails() -> None:
    op.create_table(
        "emails",
        _column("id", sa.Uuid, "Digest id: stands in the text and in the header X-Digest-Id"),
        _column("recipients", ARRAY(sa.Text), "Recipient list, sorted"),
        _column("state", sa.Text, "pending, sending, sent or failed"),
        _column(
            "alert_count",
            sa.BigInteger,
            "Alerts in this e-mail; its members are frozen before it is sent",
            server_default=ZERO,
        ),
        _column("amount_sum", sa.Numeric, "Exact sum of its anomalies' amounts"),
        _column("created_at", TIME, "When its members were frozen", server_default=NOW),
        _column(
            "claimed_until", TIME, "While sending: after this moment another notifier may take it over", nullable=True
        ),
        _column("attempts", sa.Integer, "Times that sending was begun", server_default=ZERO),
        _column("next_attempt_at", TIME, "Not sent before this moment", server_default=NOW),
        _column("sent_at", TIME, "When SES accepted it", nullable=True),
        _column("ses_message_id", sa.Text, "What SES calls it", nullable=True),
        _column("last_error", sa.Text, "Why the last attempt did not end as sent", nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sending', 'sent', 'failed')", name=op.f("emails_state_check")),
        sa.PrimaryKeyConstraint("id", name="emails_pkey"),
        comment="Alert e-mails, written with their members before they are sent; "
        "at most one a recipient list is unfinished",
    )
    op.create_index(
        "emails_one_unfinished_idx",
        "emails",
        ["recipients"],
        unique=True,
        postgresql_where=sa.text("state IN ('pending', 'sending')"),
    )
    op.create_index("emails_recipients_created_at_idx", "emails", ["recipients", "created_at"])


def _create_shard_progress() -> None:
    op.create_table(
        "shard_progress",
        _column("application", sa.Text, "KCL application (and name of its lease table)"),
        _column("stream_incarnation", sa.Text, "Stream ARN and creation time"),
        _column("shard_id", sa.Text, "Kinesis shard"),
        _column(
            "sequence_number",
            sa.Numeric,
            "Everything up to this record is stored; null before the first",
            nullable=True,
        ),
        _column("arrived_at", TIME, "When Kinesis took that record", nullable=True),
        _column("transactions", sa.BigInteger, "Transactions evaluated", server_default=ZERO),
        _column("anomalies", sa.BigInteger, "Anomalies stored for the first time", server_default=ZERO),
        _column("dead_letters", sa.BigInteger, "Lines that could not be evaluated", server_default=ZERO),
        _column("initialized_at", TIME, "When a worker last took up the shard", server_default=NOW),
        _column("ended_at", TIME, "When the shard was closed by a reshard and read to its end", nullable=True),
        _column("updated_at", TIME, "When this row last moved", server_default=NOW),
        sa.PrimaryKeyConstraint("application", "stream_incarnation", "shard_id", name="shard_progress_pkey"),
        comment="How far each shard is done; the fence that drops redelivered records. "
        "Rows of former incarnations stay",
    )


def _create_throughput() -> None:
    op.create_table(
        "throughput",
        _column("minute", TIME, "Minute in which Kinesis took the records"),
        _column("stream", sa.Text, "Name of the stream"),
        _column("transactions", sa.BigInteger, "Transactions evaluated", server_default=ZERO),
        _column("anomalies", sa.BigInteger, "Anomalies stored for the first time", server_default=ZERO),
        _column("dead_letters", sa.BigInteger, "Lines that could not be evaluated", server_default=ZERO),
        sa.PrimaryKeyConstraint("minute", "stream", name="throughput_pkey"),
        comment="What went through the stream, minute by minute, for people and checks",
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        _column("anomaly_id", sa.BigInteger, "The anomaly to tell about", autoincrement=False),
        _column(
            "state",
            sa.Text,
            "pending: waits for an e-mail; assigned: part of one; muted: nobody is told",
            server_default="pending",
        ),
        _column("email_id", sa.Uuid, "The e-mail it is part of", nullable=True),
        _column("created_at", TIME, "When the anomaly was stored", server_default=NOW),
        sa.CheckConstraint("(state = 'assigned') = (email_id IS NOT NULL)", name=op.f("alerts_assigned_check")),
        sa.CheckConstraint("state IN ('pending', 'assigned', 'muted')", name=op.f("alerts_state_check")),
        sa.ForeignKeyConstraint(["anomaly_id"], ["anomalies.id"], name="alerts_anomaly_id_fkey", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["email_id"], ["emails.id"], name="alerts_email_id_fkey"),
        sa.PrimaryKeyConstraint("anomaly_id", name="alerts_pkey"),
        comment="Outbox of alerts: written in the anomaly's own transaction, one for each anomaly",
    )
    op.create_index("alerts_email_id_idx", "alerts", ["email_id"])
    op.create_index("alerts_pending_idx", "alerts", ["anomaly_id"], postgresql_where=sa.text("state = 'pending'"))


def _column(name: str, kind: Any, comment: str, *rest: Any, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, *rest, nullable=nullable, comment=comment, **options)

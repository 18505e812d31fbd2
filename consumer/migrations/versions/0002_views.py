"""Views with plain names for people, and the role `analyst` that reads them and nothing else.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Bytes as a person reads them: UTF-8 where it is, escapes where it is not, shortened. The row keeps the bytes.
READABLE_TEXT = """
CREATE FUNCTION readable_text(payload bytea) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN left(convert_from(payload, 'UTF8'), 2000);
EXCEPTION WHEN data_exception THEN
    RETURN left(encode(substring(payload FROM 1 FOR 2000), 'escape'), 2000);
END $$
"""

ANOMALY_REPORT = """
SELECT a.id AS anomaly_id, a.transaction_id, a.rule_id AS rule, a.rule_version, a.reason, a.amount,
       a.sender_id, a.receiver_id, a.sender_iban, a.receiver_iban, a.sender_bank_id, a.receiver_bank_id,
       a.transaction_date, a.received_at, a.detected_at,
       a.stream_incarnation AS stream, a.shard_id AS shard, a.sequence_number, a.line,
       l.state AS alert_state, l.email_id, e.state AS email_state, e.sent_at AS email_sent_at
FROM anomalies a
LEFT JOIN alerts l ON l.anomaly_id = a.id
LEFT JOIN emails e ON e.id = l.email_id
"""

CONFLICT_REPORT = """
SELECT transaction_id, known ->> 'amount' AS known_amount, other ->> 'amount' AS other_amount,
       ARRAY(SELECT k.key FROM jsonb_each_text(known) k WHERE CASE WHEN k.key = 'amount'
                 THEN k.value::numeric <> (other ->> 'amount')::numeric
                 ELSE k.value IS DISTINCT FROM other ->> k.key END ORDER BY k.key) AS different_fields,
       known, other, detected_at, stream_incarnation AS stream, shard_id AS shard, sequence_number, line
FROM conflicts
"""

EMAIL_REPORT = """
SELECT id AS email_id, array_to_string(recipients, ', ') AS recipients, state, alert_count AS alerts, amount_sum,
       created_at, sent_at, attempts, CASE WHEN state IN ('pending', 'sending') THEN next_attempt_at END
           AS next_attempt_at, last_error, ses_message_id
FROM emails
"""

DEAD_LETTER_REPORT = """
SELECT state, reason, readable_text(payload) AS payload, octet_length(payload) AS payload_bytes,
       arrived_at, first_seen_at, stream_incarnation AS stream, shard_id AS shard, sequence_number, line, history
FROM dead_letters
"""

STREAM_PROGRESS = """
SELECT application, stream_incarnation AS stream, shard_id AS shard, sequence_number, arrived_at AS done_up_to,
       transactions, anomalies, dead_letters, initialized_at AS taken_up_at, ended_at, updated_at
FROM shard_progress
"""

THROUGHPUT_BY_MINUTE = "SELECT minute, stream, transactions, anomalies, dead_letters FROM throughput"

VIEWS = {
    "anomaly_report": (ANOMALY_REPORT, "Transactions that matched a rule, each with its alert and e-mail"),
    "conflict_report": (CONFLICT_REPORT, "Different contents under one trxId: what was known and what came later"),
    "email_report": (EMAIL_REPORT, "Alert e-mails: whether each was sent, and why not"),
    "dead_letter_report": (
        DEAD_LETTER_REPORT,
        "Lines of the stream that could not be evaluated; payload is shortened, dead_letters has the bytes",
    ),
    "stream_progress": (STREAM_PROGRESS, "How far each shard of the stream is done, with counts"),
    "throughput_by_minute": (THROUGHPUT_BY_MINUTE, "What went through, by the minute in which Kinesis took it"),
}

# A view's column that has the name of one of these tables' says what that one says; the others are told below.
TABLES = {
    "anomaly_report": "anomalies",
    "conflict_report": "conflicts",
    "email_report": "emails",
    "dead_letter_report": "dead_letters",
    "stream_progress": "shard_progress",
    "throughput_by_minute": "throughput",
}
STREAM_AND_SHARD = {
    "stream": "Stream ARN and creation time that the record came from",
    "shard": "Kinesis shard of the record",
}
COLUMNS = {
    "anomaly_report": {
        **STREAM_AND_SHARD,
        "anomaly_id": "Number of the anomaly",
        "rule": "The rule that matched",
        "alert_state": "pending: waits for an e-mail; assigned: part of one; muted: nobody is told",
        "email_id": "The e-mail it is part of; empty before",
        "email_state": "pending, sending, sent or failed; empty without an e-mail",
        "email_sent_at": "When SES accepted the e-mail; empty before",
    },
    "conflict_report": {
        **STREAM_AND_SHARD,
        "known_amount": "The amount stored first; it stays",
        "other_amount": "The amount that came under the same trxId",
        "different_fields": "Names of the fields in which the two differ",
    },
    "email_report": {
        "email_id": "Digest id: stands in the text and in the header X-Digest-Id",
        "recipients": "Recipient list, sorted",
        "alerts": "Alerts in this e-mail",
        "next_attempt_at": "Not sent before this moment; empty once it is sent or failed",
    },
    "dead_letter_report": {
        **STREAM_AND_SHARD,
        "payload": "The line as text, escaped where it is not UTF-8, its first 2,000 characters",
        "payload_bytes": "Length of the whole line in bytes",
    },
    "stream_progress": {
        "stream": "Stream ARN and creation time",
        "shard": "Kinesis shard",
        "done_up_to": "When Kinesis took the last record that is stored",
        "taken_up_at": "When a worker last took up the shard",
    },
}

COLUMN_COMMENTS = """
SELECT v.attname, col_description(t.attrelid, t.attnum)
FROM pg_attribute v LEFT JOIN pg_attribute t ON t.attrelid = %s::regclass AND t.attname = v.attname
WHERE v.attrelid = %s::regclass AND v.attnum > 0
"""

# A role belongs to the whole server: another database's migration may be making it at this moment.
ANALYST = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'analyst') THEN
        CREATE ROLE analyst NOLOGIN;
        COMMENT ON ROLE analyst IS 'Reads the views of the payment analytics; GRANT analyst TO a person';
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""


def upgrade() -> None:
    op.execute(READABLE_TEXT)
    op.execute(ANALYST)
    op.execute("GRANT USAGE ON SCHEMA public TO analyst")
    for name, (query, comment) in VIEWS.items():
        op.execute(f"CREATE VIEW {name} AS {query}")
        op.execute(f"COMMENT ON VIEW {name} IS '{comment}'")
        _comment_columns(name)
        op.execute(f"GRANT SELECT ON {name} TO analyst")


def downgrade() -> None:
    """The role stays: other databases of the server may use it."""
    for name in reversed(VIEWS):
        op.execute(f"DROP VIEW {name}")
    op.execute("DROP FUNCTION readable_text(bytea)")


def _comment_columns(view: str) -> None:
    connection = op.get_bind()
    for name, words in connection.exec_driver_sql(COLUMN_COMMENTS, (TABLES[view], view)).all():
        told = COLUMNS.get(view, {}).get(name, words).replace("'", "''")
        connection.exec_driver_sql(f"COMMENT ON COLUMN {view}.{name} IS '{told}'")

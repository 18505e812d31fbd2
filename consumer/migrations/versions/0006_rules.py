"""Rules with windows: what made each anomaly match, and the transactions that windows still reach.

Those have a partition for each day of their receipt.
Whoever inserts needs none: what has none goes to the default one, and moves once there is. The function that
makes and drops them belongs to the owner, for the services alter nothing.

Revision ID: 0006
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def _column(name: str, type_: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, type_, nullable=False, comment=comment)


COLUMNS: list[sa.Column[Any]] = [
    _column("key", sa.Uuid, "What windows know it by: a hash of fields and their values"),
    _column("transaction_date", TIME, "When the payment was made, by the client's clock"),
    _column("transaction_id", sa.Uuid, "trxId of the transaction, in lower case"),
    _column("received_at", TIME, "When the producer took it, by the producer's clock; the partition's day"),
    _column("counts", sa.Boolean, "Windows count it: it is the first of its trxId"),
    _column("amount", sa.Numeric, "Exact amount, as the client sent it"),
    _column("sender_id", sa.Text, "Paying party"),
    _column("receiver_id", sa.Text, "Paid party"),
    _column("sender_iban", sa.Text, "Account paid from; may be masked"),
    _column("receiver_iban", sa.Text, "Account paid to; may be masked"),
    _column("sender_bank_id", sa.Text, "Bank of the paying party"),
    _column("receiver_bank_id", sa.Text, "Bank of the paid party"),
    _column("arrived_at", TIME, "When Kinesis took the record"),
    _column("stream_incarnation", sa.Text, "Stream ARN and creation time that the record came from"),
    _column("shard_id", sa.Text, "Kinesis shard of the record"),
    _column("sequence_number", sa.Numeric, "Kinesis sequence number of the record"),
    _column("line", sa.Integer, "Line of the transaction in its record, from 1"),
]

LISTS: list[sa.Column[Any]] = [
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the entry"),
    _column("list", sa.Text, "The list, as rules name it"),
    _column("value", sa.Text, "Who or what stands in it, letter by letter"),
    _column("reason", sa.Text, "Why"),
    _column("effective_from", TIME, "From when on, by the producer's clock as it received a transaction"),
    sa.Column("expires_at", TIME, comment="Before when; null: for ever"),
    _column("added_by", sa.Text, "Who has added it"),
    sa.Column("added_at", TIME, nullable=False, server_default=sa.func.now(), comment="When it was added"),
    sa.Column("removed_by", sa.Text, comment="Who has removed it, which set its end; null where nobody has"),
    sa.Column("removal_reason", sa.Text, comment="Why it was removed"),
    sa.Column(
        "changed",
        sa.BigInteger,
        nullable=False,
        server_default=sa.text("nextval('list_entries_changed_seq')"),
        comment="Number of the last change, by which consumers see that there was one",
    ),
]
LIST_REPORT = """
CREATE VIEW list_report AS
SELECT list, value, reason, effective_from, expires_at, added_by, added_at, removed_by, removal_reason,
       CASE WHEN effective_from > now() THEN 'coming' WHEN expires_at <= now() THEN 'expired' ELSE 'in force' END
           AS state
FROM list_entries
"""
LIST_REPORT_COLUMNS = {
    **{column.name: column.comment for column in LISTS if column.name not in ("id", "changed")},
    "state": "coming, in force or expired",
}

REPORT = """
CREATE OR REPLACE VIEW anomaly_report AS
SELECT a.id AS anomaly_id, a.transaction_id, a.rule_id AS rule, a.rule_version, a.reason, a.amount,
       a.sender_id, a.receiver_id, a.sender_iban, a.receiver_iban, a.sender_bank_id, a.receiver_bank_id,
       a.transaction_date, a.received_at, a.detected_at,
       a.stream_incarnation AS stream, a.shard_id AS shard, a.sequence_number, a.line,
       l.state AS alert_state, l.email_id, e.state AS email_state, e.sent_at AS email_sent_at{}
FROM anomalies a
LEFT JOIN alerts l ON l.anomaly_id = a.id
LEFT JOIN emails e ON e.id = l.email_id
"""

LATE = "Transactions evaluated in no window but their own, for they are dated too far from their receipt"
COUNTED = {
    "shard_progress": """
CREATE OR REPLACE VIEW stream_progress AS
SELECT application, stream_incarnation AS stream, shard_id AS shard, sequence_number, arrived_at AS done_up_to,
       transactions, anomalies, dead_letters, initialized_at AS taken_up_at, ended_at, updated_at{}
FROM shard_progress
""",
    "throughput": """
CREATE OR REPLACE VIEW throughput_by_minute AS
SELECT minute, stream, transactions, anomalies, dead_letters{} FROM throughput
""",
}

# Waits for nobody for long, and tries again when it is called again: a backup may be reading the tables.
TEND = """
CREATE FUNCTION tend_recent_transactions(keep interval) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp SET lock_timeout = '2s' SET timezone = 'UTC'
AS $$
DECLARE
    found record;
    day date;
    name text;
    made int := 0;
    dropped int := 0;
    left_over int := 0;
    oldest timestamptz := (
        SELECT greatest(min(coalesce(arrived_at, initialized_at)), now() - interval '8 days')
        FROM shard_progress WHERE ended_at IS NULL
    ) - keep;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('tend_recent_transactions')) THEN
        RETURN 'another session is at it';
    END IF;
    FOR day IN SELECT current_date + number FROM generate_series(0, 2) AS number LOOP
        name := 'recent_transactions_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN keep = interval '0' OR to_regclass('public.' || name) IS NOT NULL;
        LOCK TABLE recent_transactions IN SHARE ROW EXCLUSIVE MODE;
        EXECUTE format('CREATE TABLE public.%I (LIKE recent_transactions INCLUDING ALL)', name);
        EXECUTE format('COMMENT ON TABLE public.%I IS %L', name, 'Those received on that day, in UTC');
        EXECUTE format(
            'WITH moved AS (DELETE FROM recent_transactions_other WHERE received_at >= %L AND received_at < %L '
            'RETURNING *) INSERT INTO public.%I SELECT * FROM moved', day, day + 1, name);
        EXECUTE format(
            'ALTER TABLE recent_transactions ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)',
            name, day, day + 1);
        made := made + 1;
    END LOOP;
    FOR found IN
        SELECT inhrelid::regclass AS partition
        FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'recent_transactions'::regclass AND relname ~ '_[0-9]{8}$'
            AND to_date(right(relname, 8), 'YYYYMMDD') + 1 <= oldest
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE %s', found.partition);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            left_over := left_over + 1;
        END;
    END LOOP;
    DELETE FROM recent_transactions_other WHERE received_at < oldest;
    RETURN format('partitions: %s made, %s dropped, %s in use by others', made, dropped, left_over);
EXCEPTION WHEN lock_not_available THEN
    RETURN 'others are at it: nothing was done';
END $$
"""
ABOUT = (
    "Makes the partitions of the days to come, and drops those that no window reaches: `keep` is the longest window "
    "and twice the lateness, counted back from where the slowest shard stands, 8 days at most; 0 makes none"
)


def upgrade() -> None:
    _add_values()
    _count_late_ones()
    _create_lists()
    _create_rule_reports()
    _create_recent_transactions()


def downgrade() -> None:
    for (table, view), name in zip(COUNTED.items(), ("stream_progress", "throughput_by_minute"), strict=True):
        op.execute(f"DROP VIEW {name}")
        op.execute(view.format(""))
        op.execute(f"GRANT SELECT ON {name} TO analyst")
        op.drop_column(table, "late")
    op.execute("DROP VIEW anomaly_report")
    op.execute(REPORT.format(""))
    op.execute("GRANT SELECT ON anomaly_report TO analyst")
    op.drop_column("anomalies", "rule_values")
    op.execute("DROP FUNCTION tend_recent_transactions")
    op.drop_table("recent_transactions")
    op.drop_table("rule_reports")
    op.execute("DROP VIEW list_report")
    op.drop_table("list_entries")
    op.execute("DROP SEQUENCE list_entries_changed_seq")


def _add_values() -> None:
    op.add_column(
        "anomalies",
        sa.Column(
            "rule_values",
            JSONB,
            nullable=False,
            server_default=sa.text("'{}'"),
            comment="What the rule asked for, by name: fields of the transaction, and windows",
        ),
    )
    op.execute(REPORT.format(", a.rule_values"))
    op.execute(
        "COMMENT ON COLUMN anomaly_report.rule_values IS 'What the rule asked for, by name: fields of the "
        "transaction, and windows'"
    )


def _count_late_ones() -> None:
    for table, view in COUNTED.items():
        op.add_column(
            table,
            sa.Column("late", sa.BigInteger, nullable=False, server_default=sa.text("0"), comment=LATE),
        )
        op.execute(view.format(", late"))
    for name in ("stream_progress", "throughput_by_minute"):
        op.execute(f"COMMENT ON COLUMN {name}.late IS " + _quoted(LATE))


def _create_lists() -> None:
    op.execute("CREATE SEQUENCE list_entries_changed_seq")
    op.create_table(
        "list_entries",
        *LISTS,
        sa.CheckConstraint("expires_at >= effective_from", name="expiry"),
        comment="Lists that rules ask for: entries are added and ended, and never deleted",
    )
    op.create_index("list_entries_list_value_idx", "list_entries", ["list", "value"])
    op.create_index("list_entries_changed_idx", "list_entries", ["changed"])
    op.execute("GRANT SELECT, INSERT ON list_entries TO consumer")
    op.execute("GRANT UPDATE (expires_at, removed_by, removal_reason, changed) ON list_entries TO consumer")
    op.execute("GRANT USAGE ON SEQUENCE list_entries_changed_seq TO consumer")
    op.execute(LIST_REPORT)
    op.execute("COMMENT ON VIEW list_report IS 'Who stands in the lists that rules ask for, since when, and why'")
    for name, words in LIST_REPORT_COLUMNS.items():
        op.execute(f"COMMENT ON COLUMN list_report.{name} IS " + _quoted(words or ""))
    op.execute("GRANT SELECT ON list_report TO analyst")


def _create_rule_reports() -> None:
    op.create_table(
        "rule_reports",
        _column("application", sa.Text, "KCL application of the consumer"),
        _column("worker", sa.Text, "Id of its worker"),
        _column("tag", sa.Text, "Stands for the published rules that it has taken up"),
        _column("edition", sa.Integer, "Number of the last edition of them; 0: those that ship"),
        sa.Column("fault", sa.Text, comment="Why what is published now cannot be taken up; null where it was"),
        _column("reported_at", TIME, "When it said so; a consumer that runs does every ten seconds"),
        sa.PrimaryKeyConstraint("application", "worker", name="rule_reports_pkey"),
        comment="Which rules each consumer knows",
    )
    op.execute("GRANT SELECT, INSERT, UPDATE ON rule_reports TO consumer")


def _create_recent_transactions() -> None:
    op.create_table(
        "recent_transactions",
        *COLUMNS,
        sa.PrimaryKeyConstraint(
            "key", "transaction_date", "transaction_id", "received_at", name="recent_transactions_pkey"
        ),
        comment="Transactions that windows of rules still reach, once for each key; empty where no rule has a window",
        postgresql_partition_by="RANGE (received_at)",
    )
    op.create_index("recent_transactions_transaction_id_idx", "recent_transactions", ["transaction_id"])
    op.execute("CREATE TABLE recent_transactions_other PARTITION OF recent_transactions DEFAULT")
    op.execute("COMMENT ON TABLE recent_transactions_other IS 'Those of days that have no partition of their own'")
    op.execute(TEND)
    op.execute("COMMENT ON FUNCTION tend_recent_transactions IS " + _quoted(ABOUT))
    op.execute("REVOKE ALL ON FUNCTION tend_recent_transactions FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION tend_recent_transactions TO consumer")
    op.execute("GRANT SELECT, INSERT ON recent_transactions TO consumer")


def _quoted(words: str) -> str:
    return "'" + words.replace("'", "''") + "'"

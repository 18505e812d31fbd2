"""The console: who may look and act, what was decided about each anomaly, and who did what.

Revision ID: 0007
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)
NOW = sa.func.now()

# A role belongs to the whole server: another database's migration may be making it at this moment.
CONSOLE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'console') THEN
        CREATE ROLE console LOGIN;
        COMMENT ON ROLE console IS 'The console of the payment analytics; it has no password of its own';
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
RDS_IAM = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') AND NOT pg_has_role('console', 'rds_iam', 'MEMBER') THEN
        GRANT rds_iam TO console;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""
RIGHTS = {
    "users": "SELECT, INSERT, UPDATE",
    "sessions": "SELECT, INSERT, UPDATE, DELETE",
    "anomaly_events": "SELECT, INSERT",
    "console_events": "SELECT, INSERT",
    "saved_views": "SELECT, INSERT, UPDATE, DELETE",
    "backtests": "SELECT, INSERT, UPDATE",
}
# What it shows of the others' tables, and what a redrive, a list's entry and a breaker's reset write there. The fence,
# `shard_progress`, is none of its business.
OF_OTHERS = {
    "alerts": "SELECT, INSERT",
    "anomalies": "SELECT, INSERT, UPDATE (state, assignee, revision)",
    "audits": "SELECT",
    "breaker": "SELECT, UPDATE (tripped_at, passes_until, history)",
    "conflicts": "INSERT",
    "dead_letters": "SELECT, UPDATE (state, history)",
    "emails": "SELECT",
    "list_entries": "SELECT, INSERT, UPDATE (expires_at, removed_by, removal_reason, changed)",
    "recent_transactions": "SELECT, INSERT",
    "rule_reports": "SELECT",
    "shard_progress": "SELECT",
    "throughput": "SELECT",
}
TRIAGE = "state, assignee, revision"
DECIDED = {
    "state": "What people made of it: open, investigating, confirmed or dismissed",
    "assignee": "Name of the user who looks into it",
}
REPORT = """
CREATE OR REPLACE VIEW anomaly_report AS
SELECT a.id AS anomaly_id, a.transaction_id, a.rule_id AS rule, a.rule_version, a.reason, a.amount,
       a.sender_id, a.receiver_id, a.sender_iban, a.receiver_iban, a.sender_bank_id, a.receiver_bank_id,
       a.transaction_date, a.received_at, a.detected_at,
       a.stream_incarnation AS stream, a.shard_id AS shard, a.sequence_number, a.line,
       l.state AS alert_state, l.email_id, e.state AS email_state, e.sent_at AS email_sent_at, a.rule_values{}
FROM anomalies a
LEFT JOIN alerts l ON l.anomaly_id = a.id
LEFT JOIN emails e ON e.id = l.email_id
"""
HISTORY = """
CREATE VIEW anomaly_history AS
SELECT anomaly_id, at, by, kind, old, new, words FROM anomaly_events
"""
HISTORY_COLUMNS = {
    "anomaly_id": "The anomaly, as in anomaly_report",
    "at": "When",
    "by": "Name of the user",
    "kind": "state, assignee or comment",
    "old": "State or assignee before; null for comments",
    "new": "State or assignee from then on; null for comments, and for nobody",
    "words": "The comment, or the reason",
}
# A page shows the latest first, of whatever it is narrowed to: each of these brings that order along.
PARTIES = [f"{party}_{part}" for part in ("id", "iban", "bank_id") for party in ("sender", "receiver")]
ORDERED_BY = ["rule_id", "state", *PARTIES, "amount", "transaction_date"]
# None of the rows that consumers write, so it costs them nothing.
ASSIGNED = "assignee IS NOT NULL"


def upgrade() -> None:
    _add_triage()
    _create_users()
    _create_events()
    _create_saved_views()
    _create_audits()
    _create_backtests()
    op.execute(CONSOLE)
    op.execute(RDS_IAM)
    op.execute("GRANT USAGE ON SCHEMA public TO console")
    for table, rights in {**RIGHTS, **OF_OTHERS}.items():
        op.execute(f"GRANT {rights} ON {table} TO console")
    op.execute("GRANT USAGE ON SEQUENCE list_entries_changed_seq TO console")
    op.execute("GRANT SELECT, INSERT ON audits TO consumer")
    _show_decisions()


def downgrade() -> None:
    """The role stays: other databases of the server may use it."""
    op.execute("DROP VIEW anomaly_history")
    op.execute("DROP VIEW anomaly_report")
    op.execute(REPORT.format(""))
    op.execute("GRANT SELECT ON anomaly_report TO analyst")
    op.execute("REVOKE USAGE ON SCHEMA public FROM console")
    op.execute("REVOKE ALL ON SEQUENCE list_entries_changed_seq FROM console")
    for table in OF_OTHERS:
        op.execute(f"REVOKE ALL ON {table} FROM console")
    for table in ("backtests", "audits", "saved_views", "console_events", "anomaly_events", "sessions", "users"):
        op.drop_table(table)
    for column in [*ORDERED_BY, "assignee"]:
        op.drop_index(f"anomalies_{column}_id_idx", "anomalies")
    for column in TRIAGE.split(", "):
        op.drop_column("anomalies", column)


def _add_triage() -> None:
    state = sa.Column(
        "state",
        sa.Text,
        nullable=False,
        server_default="open",
        comment="What people made of it: open, investigating, confirmed or dismissed",
    )
    op.add_column("anomalies", state)
    op.add_column("anomalies", sa.Column("assignee", sa.Text, comment="Name of the user who looks into it"))
    revision = sa.Column(
        "revision",
        sa.Integer,
        nullable=False,
        server_default=sa.text("0"),
        comment="How often people have changed state or assignee, so that none overwrites another's change",
    )
    op.add_column("anomalies", revision)
    states = "state IN ('open', 'investigating', 'confirmed', 'dismissed')"
    op.create_check_constraint(op.f("anomalies_state_check"), "anomalies", states)
    for column in ORDERED_BY:
        op.create_index(f"anomalies_{column}_id_idx", "anomalies", [column, "id"])
    where = sa.text(ASSIGNED)
    op.create_index("anomalies_assignee_id_idx", "anomalies", ["assignee", "id"], postgresql_where=where)


def _create_users() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the user"),
        _column("name", sa.Text, "Name to log in with, in small letters"),
        _column("role", sa.Text, "viewer looks, analyst decides and publishes, admin also sees to users and keys"),
        _column("password", sa.Text, "Hash by argon2; null: only by single sign-on", nullable=True),
        _column("created_at", TIME, "When the user was made", server_default=NOW),
        _column("disabled_at", TIME, "Since when the user may not log in; null: may", nullable=True),
        _column("failures", sa.Integer, "Wrong passwords since the last right one", server_default=sa.text("0")),
        _column("locked_until", TIME, "No password is looked at before this moment", nullable=True),
        sa.UniqueConstraint("name", name="users_name_key"),
        sa.CheckConstraint("role IN ('viewer', 'analyst', 'admin')", name=op.f("users_role_check")),
        comment="People who may use the console",
    )
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary, primary_key=True, comment="SHA-256 of the cookie's token"),
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("users.id", name="sessions_user_id_fkey", ondelete="CASCADE"),
            nullable=False,
            comment="Whose it is",
        ),
        _column("created_at", TIME, "When the user logged in", server_default=NOW),
        _column("seen_at", TIME, "When it was last used, to a minute", server_default=NOW),
        _column("expires_at", TIME, "It ends then at the latest"),
        comment="Who is logged in to the console; a row that is deleted is a log-out",
    )
    op.create_index("sessions_user_id_idx", "sessions", ["user_id"])


def _create_events() -> None:
    op.create_table(
        "anomaly_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the event"),
        sa.Column(
            "anomaly_id",
            sa.BigInteger,
            sa.ForeignKey("anomalies.id", name="anomaly_events_anomaly_id_fkey", ondelete="CASCADE"),
            nullable=False,
            comment="The anomaly",
        ),
        _column("at", TIME, "When", server_default=NOW),
        _column("by", sa.Text, "Name of the user"),
        _column("kind", sa.Text, "state, assignee or comment"),
        _column("old", sa.Text, "State or assignee before; null for comments", nullable=True),
        _column("new", sa.Text, "State or assignee from then on; null for comments, and for nobody", nullable=True),
        _column("words", sa.Text, "The comment, or the reason", server_default=""),
        sa.CheckConstraint("kind IN ('state', 'assignee', 'comment')", name=op.f("anomaly_events_kind_check")),
        comment="What people did about each anomaly: added to, and never changed",
    )
    op.create_index("anomaly_events_anomaly_id_id_idx", "anomaly_events", ["anomaly_id", "id"])
    op.create_table(
        "console_events",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the event"),
        _column("at", TIME, "When", server_default=NOW),
        _column("by", sa.Text, "Name of the user, or what was given as one"),
        _column("action", sa.Text, "What was done, or tried"),
        _column("subject", sa.Text, "To what", server_default=""),
        _column("details", JSONB, "More about it", server_default=sa.text("'{}'")),
        comment="Who did what in the console, log-ins that failed among it: added to, and never changed",
    )
    op.create_index("console_events_at_idx", "console_events", ["at"])


def _create_saved_views() -> None:
    op.create_table(
        "saved_views",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the view"),
        sa.Column(
            "user_id",
            sa.BigInteger,
            sa.ForeignKey("users.id", name="saved_views_user_id_fkey", ondelete="CASCADE"),
            nullable=False,
            comment="Whose it is",
        ),
        _column("name", sa.Text, "What the user calls it"),
        _column("query", sa.Text, "The part of the page's address that holds the view"),
        sa.UniqueConstraint("user_id", "name", name="saved_views_user_id_name_key"),
        comment="Views of the anomalies that users come back to",
    )


def _show_decisions() -> None:
    op.execute(REPORT.format(", a.state, a.assignee"))
    op.execute(HISTORY)
    op.execute("COMMENT ON VIEW anomaly_history IS 'What people did about each anomaly'")
    for view, columns in {"anomaly_report": DECIDED, "anomaly_history": HISTORY_COLUMNS}.items():
        for column, comment in columns.items():
            op.execute(f"COMMENT ON COLUMN {view}.{column} IS '{comment}'")
    op.execute("GRANT SELECT ON anomaly_history TO analyst")


def _create_audits() -> None:
    op.create_table(
        "audits",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the audit"),
        _column("ended_at", TIME, "When it ended", server_default=NOW),
        _column("by", sa.Text, "Who ran it"),
        _column("stream", sa.Text, "Name of the stream"),
        _column("is_clean", sa.Boolean, "Whether archive and database agreed, once what was missing was repaired"),
        _column("found", JSONB, "What it found, counted, by the names of audit --json"),
        comment="What audits of the archive against the database found",
    )
    op.create_index("audits_stream_id_idx", "audits", ["stream", "id"])


def _create_backtests() -> None:
    op.create_table(
        "backtests",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True, comment="Number of the backtest"),
        _column("by", sa.Text, "Name of the user who began it"),
        _column("begun_at", TIME, "When it was asked for", server_default=NOW),
        _column("seen_at", TIME, "When it last said that it runs", server_default=NOW),
        _column("ended_at", TIME, "When it ended; null while it runs", nullable=True),
        _column("text", sa.Text, "The file of rules that is tried"),
        _column("against", sa.Integer, "Number of the edition that it is compared with"),
        _column("begin", TIME, "Received at this time or later", nullable=True),
        _column("end", TIME, "Received before this time", nullable=True),
        _column("done", sa.BigInteger, "Bytes of the archive that are read", server_default=sa.text("0")),
        _column("total", sa.BigInteger, "Bytes of the archive that there are to read", server_default=sa.text("0")),
        _column("report", JSONB, "What it found, as rules backtest --json prints it", nullable=True),
        _column("fault", sa.Text, "Why it could not be ended", nullable=True),
        comment="Rules that were tried on the archive from the console",
    )


def _column(name: str, kind: Any, comment: str, *, nullable: bool = False, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable, comment=comment, **options)

"""The role `consumer`, which the services log in as: it does their work, and cannot alter or delete a thing.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A role belongs to the whole server: another database's migration may be making it at this moment.
CONSUMER = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'consumer') THEN
        CREATE ROLE consumer LOGIN;
        COMMENT ON ROLE consumer IS 'The services of the payment analytics; it has no password of its own';
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# RDS lets the members of rds_iam log in with a token, and with nothing else. Other servers have no such role.
RDS_IAM = """
DO $$ BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rds_iam') AND NOT pg_has_role('consumer', 'rds_iam', 'MEMBER') THEN
        GRANT rds_iam TO consumer;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

# What the code does, and no more: nothing is deleted, and what is found is never changed.
RIGHTS = {
    "anomalies": "SELECT, INSERT",
    "conflicts": "INSERT",
    "dead_letters": "SELECT, INSERT",
    "alerts": "SELECT, INSERT, UPDATE",
    "emails": "SELECT, INSERT, UPDATE",
    "shard_progress": "SELECT, INSERT, UPDATE",
    "throughput": "SELECT, INSERT, UPDATE",
    "alembic_version": "SELECT",
}


def upgrade() -> None:
    op.execute(CONSUMER)
    op.execute(RDS_IAM)
    op.execute("GRANT USAGE ON SCHEMA public TO consumer")
    for table, rights in RIGHTS.items():
        op.execute(f"GRANT {rights} ON {table} TO consumer")


def downgrade() -> None:
    """The role stays: other databases of the server may use it."""
    op.execute(f"REVOKE ALL ON {', '.join(RIGHTS)} FROM consumer")
    op.execute("REVOKE USAGE ON SCHEMA public FROM consumer")

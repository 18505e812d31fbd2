"""How Alembic reaches the database: by the connection that `consumer.migrate` hands in, and by nothing else."""

from alembic import context

from consumer.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()

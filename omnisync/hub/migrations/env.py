"""Alembic's entry: migrate over the connection it was given, inside that connection's transaction."""

from alembic import context

from omnisync.hub.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table="hub_version",
)
context.run_migrations()

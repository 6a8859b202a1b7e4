"""The number of living rows of each source, and, on SQLite, an index of the rows a snapshot has not named."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String, text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Count the living rows once; from now on the uploads do."""
    op.create_table(
        "export_source",
        Column("set_id", Integer, nullable=False),
        Column("source", String(60), nullable=False),
        Column("living", BigInteger, nullable=False),
        PrimaryKeyConstraint("set_id", "source", name="export_source_key"),
        ForeignKeyConstraint(["set_id"], ["export_set.id"], name="export_source_set"),
    )
    op.execute(
        """
        INSERT INTO export_source (set_id, source, living)
        SELECT set_id, source, count(*) FROM export_row WHERE version <> '' GROUP BY set_id, source
        """
    )
    if op.get_bind().dialect.name == "sqlite":
        is_living = text("version <> ''")
        op.create_index("export_row_unseen", "export_row", ["set_id", "source", "seen"], sqlite_where=is_living)

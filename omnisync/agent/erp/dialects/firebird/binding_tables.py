"""Our two tables in Firebird's words, and the statements that make each."""

from __future__ import annotations

BINDING_TABLES = {
    "omnisync_binding": (
        """
CREATE TABLE omnisync_binding (
    company VARCHAR(40) CHARACTER SET UTF8 NOT NULL, kind VARCHAR(20) CHARACTER SET ASCII NOT NULL,
    id VARCHAR(64) CHARACTER SET ASCII NOT NULL, epoch VARCHAR(40) CHARACTER SET UTF8 NOT NULL,
    version BIGINT NOT NULL, hash VARCHAR(64) CHARACTER SET ASCII NOT NULL, written_version BIGINT,
    origin VARCHAR(20) CHARACTER SET ASCII NOT NULL, erp_key VARCHAR(100) CHARACTER SET UTF8,
    erp_number VARCHAR(100) CHARACTER SET UTF8, establishment VARCHAR(20) CHARACTER SET UTF8 NOT NULL,
    customer_id VARCHAR(64) CHARACTER SET ASCII NOT NULL, label VARCHAR(255) CHARACTER SET UTF8 NOT NULL,
    merged_into VARCHAR(64) CHARACTER SET ASCII, outcome VARCHAR(20) CHARACTER SET ASCII NOT NULL,
    reason BLOB SUB_TYPE TEXT CHARACTER SET UTF8, warnings BLOB SUB_TYPE TEXT CHARACTER SET UTF8,
    outcome_at VARCHAR(40) CHARACTER SET ASCII NOT NULL, receipt_pending SMALLINT NOT NULL,
    CONSTRAINT omnisync_binding_key PRIMARY KEY (company, kind, id)
)""",
        "CREATE INDEX omnisync_binding_pending ON omnisync_binding (company, receipt_pending, kind)",
        "CREATE INDEX omnisync_binding_unsettled ON omnisync_binding (company, outcome, kind, establishment, id)",
    ),
    "omnisync_cursor": (
        """
CREATE TABLE omnisync_cursor (
    company VARCHAR(40) CHARACTER SET UTF8 NOT NULL, connection VARCHAR(60) CHARACTER SET UTF8 NOT NULL,
    stream VARCHAR(40) CHARACTER SET UTF8 NOT NULL, "CURSOR" VARCHAR(200) CHARACTER SET UTF8 NOT NULL,
    epoch VARCHAR(40) CHARACTER SET UTF8 NOT NULL,
    CONSTRAINT omnisync_cursor_key PRIMARY KEY (company, connection, stream)
)""",
    ),
}

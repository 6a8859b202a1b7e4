"""Check a layout against a database before the first order: `layout check`."""

"""Draft a layout from a database's catalogue: `layout new`."""

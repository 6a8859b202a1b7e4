"""The hub's routes, one file per group."""

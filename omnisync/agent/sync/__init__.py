"""The work of one run: import, export, and what both need."""

"""The first page: import, export, their state, and the last runs."""

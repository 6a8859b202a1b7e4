"""What one run does: import, export, and what both need."""

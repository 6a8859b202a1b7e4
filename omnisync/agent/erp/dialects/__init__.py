"""The differences between databases: connecting, locking, the fastest write, the words of their errors."""

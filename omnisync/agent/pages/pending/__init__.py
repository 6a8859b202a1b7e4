"""The pending page: what did not enter, what waits for a decision, what was not sent."""

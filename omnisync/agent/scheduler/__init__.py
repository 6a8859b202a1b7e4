"""Starts runs: by the schedule, after an outage of the hub, and in child processes it supervises."""

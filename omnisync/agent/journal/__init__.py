"""The agent's memory: connections, schedules, slots, runs and people's decisions."""

"""What the agent remembers: connections, schedules, slots, runs and decisions of people."""

"""What the hub and the agent's pages share as web servers."""

"""The hub as the agent calls it: its address, the HTTP transport, and the client."""

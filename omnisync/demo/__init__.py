"""The sample company, its ERP and its simulated salespeople: what a newcomer meets first."""

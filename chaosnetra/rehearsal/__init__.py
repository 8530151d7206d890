"""Cloud Run for a run: the real one, a local endpoint, and the orchestrator deployed in it."""

"""Startups: launching an orchestrator as real processes and telling how each attempt ended."""

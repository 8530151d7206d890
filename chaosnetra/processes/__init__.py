"""Processes that we start, and that cannot outlive us."""

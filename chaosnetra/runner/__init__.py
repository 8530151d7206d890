"""Runs experiments as their users do, one process each, and says how each ended."""

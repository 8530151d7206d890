"""Journals: what is written while a run goes on, and read back of any run."""

"""A service tried without an experiment: what it needs is found, and the experiment is written."""

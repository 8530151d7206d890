"""Finds in an experiment what the Chaos Toolkit passes over in silence."""

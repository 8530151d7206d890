"""The record of a game day: what was said and done, as it happened."""

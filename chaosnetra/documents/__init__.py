"""Reads JSON and YAML with the place of every key; findings and guesses about them."""

"""The file of a game day: read, checked, and what its steps set."""

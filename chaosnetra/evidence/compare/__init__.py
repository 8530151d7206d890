"""Two sets of runs, compared."""

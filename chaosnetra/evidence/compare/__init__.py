"""Two sets of runs, side by side."""

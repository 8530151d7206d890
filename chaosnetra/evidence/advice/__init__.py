"""What the measurements of runs say should be changed, one concept a module."""

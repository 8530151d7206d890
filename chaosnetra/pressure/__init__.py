"""Pressure by environment: one experiment file, on one's own machine and in staging."""

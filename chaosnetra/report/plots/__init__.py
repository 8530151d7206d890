"""Plots as inline SVG, drawn by ourselves: as wide as their place, with text of a fixed size."""

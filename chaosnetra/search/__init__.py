"""Finds how much of a fault a steady state bears: the value at which it stops holding."""

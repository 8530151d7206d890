"""Held, violated or inconclusive: from a journal alone."""

"""Leads through a game day, and ends its runs whatever happens."""

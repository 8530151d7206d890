"""The reference orchestrator: a service whose startup runs seven phases, to experiment on.

It has the shape of a real platform's startup: the same phases, the same budgets around the same
steps, and about the same number of round trips to its database in each.
"""

"""A run in progress: its settings at work, its parts, and what its activities share."""

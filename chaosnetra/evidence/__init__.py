"""What a run leaves as evidence: events, violations, the verdict."""

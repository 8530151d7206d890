"""Tables of traps: the rule, an experiment with the trap, what the finding says, one without."""

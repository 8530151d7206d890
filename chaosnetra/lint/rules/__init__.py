"""The rules: each module finds one family of traps in an outline."""

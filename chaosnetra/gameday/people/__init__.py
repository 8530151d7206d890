"""Questions, keys and lines: whoever sits at the terminal, or a file of answers."""

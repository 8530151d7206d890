"""What a long probe shows of itself while it runs; nothing of it is evidence, or in a journal."""

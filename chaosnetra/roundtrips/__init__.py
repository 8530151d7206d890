"""What a startup's time is made of: its own, and round trips one after the other."""

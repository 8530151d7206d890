"""What a game day came to, for people."""

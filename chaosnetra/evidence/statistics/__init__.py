"""What numbers of attempts and times prove; pure arithmetic."""

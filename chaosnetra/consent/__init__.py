"""What an experiment would do to a staging project, looked at before, and the consent to it."""

"""What an experiment would do to a staging project, inspected before, and the consent to it."""

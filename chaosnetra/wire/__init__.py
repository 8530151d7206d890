"""What passes between a startup and its database, as seen by a hop of our own in between."""

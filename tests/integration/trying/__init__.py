"""See `chaosnetra/trying`."""

"""What observations of the wire say of startups; see `chaosnetra.wire.observation`."""

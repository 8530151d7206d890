"""Controls for the Chaos Toolkit."""

"""A server of Toxiproxy's control API on our own relay, for machines without the real one.

Routes, statuses and bodies are those of Toxiproxy 2.12, so that its clients work unchanged. Where
it differs it does so on purpose: it refuses what the real one stores silently (unknown
attributes, negative numbers, a toxicity over 1, an address that is not of loopback), its random
numbers repeat with its seed, no connection can block its API, and `reset_peer` can be removed
while it waits. The contract tests' table of differences is in toxiproxy/README.md, with reasons.
"""

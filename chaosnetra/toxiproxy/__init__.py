"""Toxiproxy: a client for its control API, toxics and proxies as faults, actions and probes."""

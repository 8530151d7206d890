"""Parts of the crash campaign: a run and what it leaves, servers that go away, disturbances."""

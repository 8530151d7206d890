"""An asyncio relay, TCP or Unix sockets: accept, gate, dial, pump, and close as the two ends do."""

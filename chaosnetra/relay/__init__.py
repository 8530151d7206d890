"""An asyncio TCP relay: accept, gate, dial, pump both ways, and close as the two ends do."""

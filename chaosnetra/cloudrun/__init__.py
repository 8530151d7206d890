"""Cloud Run: its client, scaling as a fault, and a local endpoint to rehearse against."""

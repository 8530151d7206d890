"""Validates the steady state in a pipeline: experiments run, judged and compared."""

"""What a repository needs to keep trying its service: experiments, settings, a pipeline's step."""

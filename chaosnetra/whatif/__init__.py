"""How startups of more instances than a laptop can start would end: a model, from journals."""

"""The parts of a run: brought when the first activity needs them, each where the settings say."""

"""The parts of the page on one run, each a function from its facts to markup."""

"""The parts of the page on one run, each a function from its facts to markup."""

from chaosnetra.report.markup import Content

# A heading and what stands under it.
Part = tuple[Content, ...]

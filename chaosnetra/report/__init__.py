"""Reports of runs: HTML, Markdown and JUnit XML, from journals alone.

`facts` reads a journal once and keeps what a report needs; `html`, `markdown` and `junit` write
it. The frame of a page stands by itself, for other reports than these:

- `page`: `document` (the whole page, one self-contained file), `section`, `table`, `details`,
  `facts_list`, `verdict_badge`, `code_block`.
- `markup`: `element`, which escapes whatever is not markup already.
- `safe_text`: `visible`, text from anywhere without what would do something.
- `plots.frame` and `plots.scales`: an SVG as wide as its place, with axes, title and description.
"""

"""Builds these pages as a site: `nox -s docs`."""

project = "chaosnetra"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "chaosnetra"
html_copy_source = False
# What a program prints is in blocks without a language; Sphinx would take them for Python.
highlight_language = "none"
# Anchors as GitHub makes them, so that a link works in both places.
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]

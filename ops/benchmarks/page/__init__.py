"""docs/performance.md, from what a run measured.

template.md   the page, with a placeholder for each number and table
render        the placeholders filled in
plots         the curves as SVG, by matplotlib
"""

"""The pages of the documentation in a Qdrant collection, for search and for assistants: `aeon-jobs docs publish`.

sections    Markdown pages, cut at their headings
bm25        the sparse vector of a text
qdrant      the collection
"""

"""The process that serves the API: uvicorn, and limits to what the connections of strangers make it hold.

`run` starts it, `protocol` is one connection, `connections` knows all of them. It may import everything of `api`.
"""

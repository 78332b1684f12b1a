"""The documentation is tested: every code block is well-formed, those of most pages run, every link leads somewhere.

    test_site.py     builds the site (aeon_jobs.ops.docs)
    pages.py         reads the pages: code blocks, links, anchors
    parsers.py       whether a block is well-formed in its language
    environment.py   a virtual environment with what `pip install aeon-jobs[extras]` would install, and nothing else
    session.py       runs the blocks of one page, from top to bottom, against real servers
    python_blocks.py the Python process that runs the `python` blocks of a page
    commands.py      programs that do something else in a test (docker, make, git, pip …): one listed rule for each

What a page may contain:

- `python`: the blocks of a page run in one Python process. A block whose first line is a comment with a file name,
  `# shop.py`, becomes that file instead; a later block uses it.
- `sh`: each block runs in bash, in one directory. Variables stay for the next block. The first failing command fails.
- `sql`: runs in the page's database.
- `yaml`, `json`, `toml`, `http`: must be well-formed.
- `text`, `mermaid`, `promql`, `conf`, `ini`, `diff`: output, diagrams, files of other programs.
- A block after the line `<!-- not run: reason -->` is not run. The reason says why.

`make test` runs most pages. `make rehearse-docs` also runs those with many commands: the tutorial, deployment, and others.
The blocks of docs/operations/ and docs/runbooks/ do not run; they are about systems that a test does not build. They are
parsed, `aeon-jobs` command lines and `make` targets must exist, and SQL queries must fit the schema (EXPLAIN).
"""

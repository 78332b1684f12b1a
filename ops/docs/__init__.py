"""The documentation as a site: `make docs` builds docs/*.md into site/ with MkDocs. Only developers need it.

    mkdocs.yml             the site: theme, plugins, strictness
    hooks.py               what MkDocs calls while it builds
    root_pages.py          README.md, CHANGELOG.md and SECURITY.md as pages; links that leave docs/
    command_reference.py   the command line, from the typer application
    route_reference.py     the HTTP API, from its OpenAPI document
    settings_reference.py  default and rule of each setting, from the settings class
    llms.py                llms.txt, llms-full.txt, and the Markdown of each page

The navigation is docs/.nav.yml.
"""

"""The dashboard: pages for people, served by the API process at /dashboard.

    browser ─▶ router ─▶ visitors (who is it) ─▶ page or action ─▶ api.service ─▶ PostgreSQL
                            └ shared: what many look at is read once

router      the routes; every request passes here
pages/      one module for each page: what it reads, and what can be done on it
page        what a page and an action are; `Ask` is a request for one
shared      a page that was made for one viewer is given to the others, for a second
visitors    sign-in, sessions, the same-origin rule
rendering   templates and filters; `json_view` for payloads
assets      style sheet and scripts, ours and others' (static/VENDORED.md)

Pages are plain HTML with links and forms, and work without JavaScript. With it, a page renews itself when its content changes:
one event stream tells it when, and it is morphed in place.
To add a page: a module in pages/ with a `Page`, a template, its name in pages/__init__.py.
It imports api.service, api.http and persistence.
"""

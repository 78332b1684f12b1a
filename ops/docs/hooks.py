"""What MkDocs calls while it builds the site. It loads this file by its path."""

from __future__ import annotations

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from aeon_jobs.ops.docs import command_reference, llms, root_pages, route_reference, settings_reference

PAGES = {
    **root_pages.PAGES,
    "reference/commands.md": command_reference.page,
    "reference/routes.md": route_reference.page,
}
"""Pages that are no files of docs/: path → what writes its Markdown."""

STATIC = Path(__file__).parent / "static"

_texts: dict[str, str] = {}
"""The Markdown of each page as it was rendered, for llms.txt."""


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    for path, text in PAGES.items():
        files.append(File.generated(config, path, content=text()))
    for script in STATIC.iterdir():
        files.append(File.generated(config, f"static/{script.name}", abs_src_path=str(script)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    path = page.file.src_uri
    if path == "configuration.md":
        markdown = settings_reference.completed(markdown)
    if path not in PAGES:
        markdown = root_pages.with_links_inside(markdown, path)
    _texts[path] = markdown
    return markdown


def on_post_build(*, config: MkDocsConfig) -> None:
    llms.write(Path(config.site_dir), _sections, _texts)


_sections: dict[str, list[str]] = {}
"""Title of each section of the navigation → its pages."""


def on_nav(nav: Navigation, *, config: MkDocsConfig, files: Files) -> Navigation:
    _sections.clear()
    for page in nav.pages:
        names = [ancestor.title or "" for ancestor in reversed(list(page.ancestors))]
        _sections.setdefault(": ".join(names), []).append(page.file.src_uri)
    return nav

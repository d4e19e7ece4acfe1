"""The page of all connectors, features/connectors/vendors/README.md, written from their manifests by `make readme`."""

from __future__ import annotations

from collections.abc import Iterator

from undertow.features.connectors.kit.manifest import VENDORS, Connector, Form, load_connectors

PAGE = VENDORS / "README.md"
INTRODUCTION = """# Connectors
What `undertow init --data FOLDER` recognises, by the columns of the files, whatever they are called. Of a vendor that
comes in several forms, the first one here that is complete is used; forms are never mixed. A table is exact (row by row
what happened and when it was known), partial, or present_only (today's state alone: nothing is trained).

This page is written from the manifests by `make readme`."""


def page() -> str:
    """Return the page in Markdown."""
    return "\n".join([INTRODUCTION, *(line for each in load_connectors().values() for line in _connector(each))]) + "\n"


def _connector(connector: Connector) -> Iterator[str]:
    yield f"\n## {connector.title}"
    yield f"{connector.about}\n"
    yield from (f"- {rule}" for rule in connector.rule)
    for form in connector.form:
        yield from _form(connector, form)


def _form(connector: Connector, form: Form) -> Iterator[str]:
    yield f"\n### {connector.title}: {form.title}"
    yield f"{form.export}\n"
    yield "| file | known by | needed |"
    yield "|---|---|---|"
    for kind in connector.files_of(form.name):
        known = ", ".join(f"`{name}`" for name in kind.has)
        where = "".join(f", `{name}` = {value}" for name, value in kind.where.items())
        yield f"| {kind.about} | {known}{where} | {'yes' if kind.required else 'no'} |"
    yield ""
    yield "| table | grade | but | known at | needs |"
    yield "|---|---|---|---|---|"
    abouts = {kind.name: kind.about for kind in connector.files_of(form.name)}
    for table in connector.table:
        if table.form == form.name:
            needs = "; ".join(abouts[name] for name in table.needs) or "-"
            yield f"| {table.table} | {table.grade} | {table.but or '-'} | {table.known} | {needs} |"
    questions = [ask for ask in connector.ask if ask.form == form.name]
    if questions:
        yield f"\nQuestions: {' '.join(ask.question for ask in questions)}"

"""The docs page: the OpenAPI document as plain HTML, without scripts and without resources of other origins."""

import json
import re
from html import escape
from typing import Any

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #888; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
code, pre { font: 14px/1.45 ui-monospace, monospace; } pre { overflow-x: auto; padding: .75rem; background: #8881; }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .25rem .75rem; }
summary { cursor: pointer; padding: .35rem 0; } summary b { display: inline-block; min-width: 4.5rem; }
summary span, .quiet { color: var(--quiet); } table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; border-top: 1px solid var(--line); padding: .3rem .75rem .3rem 0; }
td, code { overflow-wrap: anywhere; } td { min-width: 3rem; }
"""


def page(document: dict[str, Any]) -> str:
    info = document["info"]
    calls = "".join(_tag(tag, document["paths"]) for tag in document["tags"])
    headers = "".join(
        f'<tr id="header-{name}"><td><code>{name}</code><td>{_text(header["description"])}'
        f"<td><code>{escape(str(header['example']))}</code>"
        for name, header in document["components"]["headers"].items()
    )
    schemas = "".join(_schema(name, schema) for name, schema in sorted(document["components"]["schemas"].items()))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(info["title"])}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f'<h1>{escape(info["title"])}</h1><p class="quiet">Version {escape(info["version"])}.</p>'
        f"{_paragraphs(info['description'])}"
        "<p>Send your API key in the header <code>X-API-Key</code>. "
        'For machines: <a href="openapi.json">openapi.json</a>.</p>'
        f"{calls}<h2>Headers of answers</h2><table>{headers}</table><h2>Documents</h2>{schemas}</html>"
    )


def _tag(tag: dict[str, str], paths: dict[str, Any]) -> str:
    operations = "".join(
        _operation(method.upper(), path, operation)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if tag["name"] in operation["tags"]
    )
    return f"<h2>{escape(tag['name'])}</h2>{_paragraphs(tag['description'])}{operations}"


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    title = f"<b>{method}</b> <code>{escape(path)}</code> <span>{_text(operation['summary'])}</span>"
    description = _paragraphs(operation.get("description", ""))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    takes = f"<p>Body: {_schema_or_link(body)}</p>" if body else ""
    parameters = "".join(
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{parameter['in']}"
        f"<td>{_text(parameter['description'])} {_schema_or_link(parameter['schema'])}"
        for parameter in operation["parameters"]
    )
    answers = "".join(
        f"<tr><td>{status}<td>{_text(answer['description'])}<td>{_content(answer)}<td>{_headers(answer)}"
        for status, answer in operation["responses"].items()
    )
    table = f"<table>{parameters}</table>" if parameters else ""
    open_to_all = "" if operation["security"] else '<p class="quiet">Needs no key.</p>'
    return (
        f"<details><summary>{title}</summary>{description}{open_to_all}{takes}{table}<table>{answers}</table></details>"
    )


def _headers(answer: dict[str, Any]) -> str:
    return ", ".join(f'<a href="#header-{name}">{name}</a>' for name in answer.get("headers", {}))


def _content(answer: dict[str, Any]) -> str:
    return ", ".join(
        f"{escape(media_type)}: {_schema_or_link(content['schema'])}"
        for media_type, content in answer.get("content", {}).items()
    )


def _schema_or_link(schema: dict[str, Any]) -> str:
    """Returns a link to the schema, or the schema itself where it has no name."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    return f"<code>{escape(json.dumps({key: value for key, value in schema.items() if key != 'title'}))}</code>"


def _schema(name: str, schema: dict[str, Any]) -> str:
    summary, _, more = schema.get("description", "").partition("\n\n")
    title = f"<summary><code>{escape(name)}</code> <span>{_text(summary)}</span></summary>"
    return f'<details id="{escape(name)}">{title}{_paragraphs(more)}{_fields(schema)}{_examples(schema)}</details>'


def _fields(schema: dict[str, Any]) -> str:
    """Returns a table of the fields, or the schema itself where it has no fields."""
    if "properties" not in schema:
        return f"<pre>{escape(json.dumps(schema, indent=2))}</pre>"
    required = schema.get("required", [])
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code>{' *' if name in required else ''}"
        f"<td>{_text(field.get('description', ''))} "
        f"{_schema_or_link({key: value for key, value in field.items() if key != 'description'})}"
        for name, field in schema["properties"].items()
    )
    return f'<table>{rows}</table><p class="quiet">* is always present in answers, and has to be sent in requests.</p>'


def _examples(schema: dict[str, Any]) -> str:
    return "".join(f"<pre>{escape(json.dumps(example, indent=2))}</pre>" for example in schema.get("examples", []))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_text(paragraph)}</p>" for paragraph in text.split("\n\n") if paragraph)


def _text(text: str) -> str:
    """Returns the text as HTML, with everything in backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))

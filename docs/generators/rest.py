"""Every call of the server as Markdown, from the OpenAPI document of the FastAPI application.

What FastAPI says of wrong requests is left out: the server answers all of them with one ``detail``, and
the page says so once.
"""

from typing import Any

from synthfm3d.app.server import create_app
from synthfm3d.app.settings import ServeSettings
from synthfm3d.segmentation.predictor import Segmenter

TITLES = {"server": "The server", "scans": "Scans", "objects": "Objects", "playground": "The playground"}


def document() -> dict[str, Any]:
    """What ``/openapi.json`` answers. The model plays no part in it."""
    app = create_app(Segmenter.from_pretrained("random-walker", device="cpu"), ServeSettings())
    found: dict[str, Any] = app.openapi()
    return found


def markdown() -> str:
    """A section for each call, then one for each kind of message."""
    spec = document()
    parts = []
    tags: dict[str, list[str]] = {}
    for path, methods in spec["paths"].items():
        for method, call in methods.items():
            tags.setdefault(call.get("tags", ["server"])[0], []).append(_call(method, path, call))
    for tag, calls in tags.items():
        parts += [f"## {TITLES.get(tag, tag.capitalize())}", *calls]
    parts.append("## Messages")
    parts += [
        _message(name, schema)
        for name, schema in spec["components"]["schemas"].items()
        if "ValidationError" not in name
    ]
    return "\n\n".join(parts) + "\n"


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    parts = [f"### `{method.upper()} {path}`", _prose(call.get("description", call.get("summary", "")))]
    rows = [
        f"| `{p['name']}` | {p['in']}{'' if p.get('required') else ', optional'} | {_type(p['schema'])} "
        f"| {_prose(p.get('description', ''))} |"
        for p in call.get("parameters", ())
    ]
    if rows:
        parts.append("\n".join(["| parameter | where | type | |", "|---|---|---|---|", *rows]))
    if "requestBody" in call:
        parts.append(f"Body: {_content(call['requestBody'])}")
    answers = [
        f"{code}{_of(_content(answer))}" for code, answer in call["responses"].items() if code != "422"
    ]
    parts.append("Answers: " + "; ".join(answers) + ".")
    return "\n\n".join(parts)


def _of(content: str) -> str:
    return f" ({content})" if content else ""


def _content(body: dict[str, Any]) -> str:
    told = [
        f"`{kind}`" + (f", {_type(content['schema'])}" if content.get("schema") else "")
        for kind, content in body.get("content", {}).items()
    ]
    return " or ".join(told)


def _message(name: str, schema: dict[str, Any]) -> str:
    parts = [f"### {name}", _prose(schema.get("description", ""))]
    required = schema.get("required", ())
    rows = [
        f"| `{field}` | {_type(kind)} | {'required' if field in required else _default(kind)} "
        f"| {_prose(kind.get('description', ''))} |"
        for field, kind in schema.get("properties", {}).items()
    ]
    if rows:
        parts.append("\n".join(["| field | type | default | |", "|---|---|---|---|", *rows]))
    elif "enum" in schema:
        parts.append(_type(schema))
    return "\n\n".join(parts)


def _default(kind: dict[str, Any]) -> str:
    return f"`{kind['default']}`" if "default" in kind else ""


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(_type(choice) for choice in schema[several])
    if "enum" in schema:
        return ", ".join(f"`{choice}`" for choice in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if "prefixItems" in schema:
        return f"({', '.join(_type(item) for item in schema['prefixItems'])})"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format", schema.get("type", "any")))


def _prose(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("\n", " ").rstrip(".")

"""docs/reference/configuration.md, from the settings' classes and conf/reference.toml."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

from event_lake.config.settings import Settings
from event_lake.lake.session import PREFERRED, REQUIRED
from tools.reference.keys import Key, Reference, describe_default, describe_value, read_reference
from tools.reference.markdown import as_code, as_page, as_paragraphs, as_prose, as_table


def make_page() -> str:
    """Return the page."""
    reference = read_reference()
    blocks = [as_prose(reference.head)]
    for section, cls in get_type_hints(Settings).items():
        if is_dataclass(cls):
            blocks += _of_section(reference, section, cls)
        else:
            blocks.append(f"## `[{section}]`")
            [example] = (key for key in reference.keys.values() if key.section == section)
            blocks += _of_spark(reference.intros[section], example)
    return as_page("Configuration", *blocks)


def _of_section(reference: Reference, section: str, cls: Any) -> Iterator[str]:
    yield f"## `[{section}]`"
    yield as_paragraphs(cls.__doc__)
    hints = get_type_hints(cls)
    subsections = {name: hint for name, hint in hints.items() if is_dataclass(hint)}
    for field in fields(cls):
        if field.name not in subsections:
            yield from _of_key(reference.keys[f"{section}.{field.name}"])
    for name, inner in subsections.items():
        yield from _of_section(reference, f"{section}.{name}", inner)


def _of_key(key: Key) -> Iterator[str]:
    yield f"### `{key.section}.{key.name}`"
    yield as_prose(key.comment.removesuffix("Required."))
    yield f"- Value: {describe_value(key)}\n- Default: {describe_default(key)}"


def _of_spark(intro: str, example: Key) -> Iterator[str]:
    yield f"{as_prose(intro)} An example is `{example.name} = {example.value}`."
    yield "The jobs set these, unless you set another value:"
    yield _list_settings(PREFERRED)
    yield "And these in any case, since they rely on them:"
    yield _list_settings(REQUIRED)


def _list_settings(settings: Mapping[str, str]) -> str:
    return as_table(["setting", "value"], ([as_code(key), as_code(value)] for key, value in settings.items()))

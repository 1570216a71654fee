"""Brings names into one spelling: single-width letters, no blanks between Chinese letters.

Settings: `fields`, the fields with names, `["name"]` if it isn't given.
"""

import json
from typing import List

from componentize_py_types import Err
from spacing import spaced
from wit_world import exports
from wit_world.exports.meta import Job, Manifest
from wit_world.imports.types import Change, Context, Failure_BadSettings, Row, Schema

SETTINGS_SCHEMA = {
    "type": "object",
    "properties": {"fields": {"type": "array", "items": {"type": "string"}, "default": ["name"]}},
}


def read_settings(settings_json: str) -> List[str]:
    """The fields; raises a ValueError with a text for IT."""
    settings = json.loads(settings_json)
    unknown = [name for name in settings if name != "fields"]
    if unknown:
        raise ValueError(f"there is no setting `{unknown[0]}`; there is `fields`")
    fields = settings.get("fields", ["name"])
    if not isinstance(fields, list) or not fields or not all(isinstance(field, str) for field in fields):
        raise ValueError("`fields` has to be a list of names of fields")
    return fields


class Meta(exports.Meta):
    def describe(self) -> Manifest:
        return Manifest(
            id="name-spacing",
            version="1.0.0",
            summary="Brings names into one spelling: single-width letters, no blanks between Chinese letters",
            jobs=[Job.NORMALISE],
            reads=["name"],
            writes=["name"],
            settings_schema=json.dumps(SETTINGS_SCHEMA),
        )

    def check_settings(self, settings_json: str) -> None:
        try:
            read_settings(settings_json)
        except ValueError as error:
            raise Err(str(error))


class Normalise(exports.Normalise):
    def normalise(self, schema: Schema, context: Context, rows: List[Row]) -> List[Change]:
        try:
            fields = read_settings(context.settings_json)
        except ValueError as error:
            raise Err(Failure_BadSettings(str(error)))
        names = [column.name for column in schema.columns]
        missing = [field for field in fields if field not in names]
        if missing:
            raise Err(Failure_BadSettings(f"the plugin wants the field `{missing[0]}` and is not sent it; list it in `reads`"))
        reason = "统一全半角和空格。" if context.locale.startswith("zh") else "Width of letters and blanks in one spelling."
        changes = []
        for at, row in enumerate(rows):
            for column in map(names.index, fields):
                written = row.cells[column]
                if written is not None and spaced(written) != written:
                    changes.append(Change(row=at, column=column, value=spaced(written) or None, reason=reason))
        return changes

"""Tells what openpyxl finds in workbooks, one JSON object a line and file: a second opinion on what Daybook writes.

Started as `python openpyxl_dump.py FILE...`. Dates are ISO texts, formulas texts with `=`, array formulas objects. For a file that
openpyxl can't load, the line says why under `failed`.
"""

import datetime
import json
import sys

import openpyxl


def plain(value):
    return value.isoformat() if isinstance(value, (datetime.date, datetime.time)) else value


def sheet(worksheet):
    return {
        "name": worksheet.title,
        # The cells that are there: a walk over rows would make each one up to the last, by the million in some workbooks.
        "cells": {cell.coordinate: plain(cell.value) for cell in worksheet._cells.values() if cell.value is not None},
        "merges": sorted(str(area) for area in worksheet.merged_cells.ranges),
        "tables": {table.displayName: table.ref for table in worksheet.tables.values()},
        "filter": worksheet.auto_filter.ref,
        "conditional_formats": sorted(str(rule.sqref) for rule in worksheet.conditional_formatting),
        "validations": sorted(str(rule.sqref) for rule in worksheet.data_validations.dataValidation),
    }


def workbook(path):
    try:
        workbook = openpyxl.load_workbook(path)
    except Exception as failure:
        return {"failed": repr(failure)}
    return {
        "sheets": [sheet(worksheet) for worksheet in workbook.worksheets],
        "defined_names": {name: value.attr_text for name, value in workbook.defined_names.items()},
        "properties": {own.name: plain(own.value) for own in workbook.custom_doc_props.props},
    }


def main():
    for path in sys.argv[1:]:
        # Array and table formulas are objects of openpyxl's own, durations are not.
        print(json.dumps(workbook(path), default=lambda value: getattr(value, "__dict__", str(value))), flush=True)


if __name__ == "__main__":
    main()

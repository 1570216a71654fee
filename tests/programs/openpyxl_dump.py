"""Tells what openpyxl finds in a workbook, as one JSON object: a second opinion on what Daybook writes.

Started as `python openpyxl_dump.py FILE`. Dates are ISO texts, formulas texts with `=`.
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
        "cells": {cell.coordinate: plain(cell.value) for row in worksheet for cell in row if cell.value is not None},
        "merges": sorted(str(area) for area in worksheet.merged_cells.ranges),
        "tables": {table.displayName: table.ref for table in worksheet.tables.values()},
        "filter": worksheet.auto_filter.ref,
        "conditional_formats": sorted(str(rule.sqref) for rule in worksheet.conditional_formatting),
        "validations": sorted(str(rule.sqref) for rule in worksheet.data_validations.dataValidation),
    }


def main():
    workbook = openpyxl.load_workbook(sys.argv[1])
    found = {
        "sheets": [sheet(worksheet) for worksheet in workbook.worksheets],
        "defined_names": {name: value.attr_text for name, value in workbook.defined_names.items()},
        "properties": {own.name: plain(own.value) for own in workbook.custom_doc_props.props},
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

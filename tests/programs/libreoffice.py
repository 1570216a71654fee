"""Drives one LibreOffice as a person does who opens workbooks, edits and saves.

Started by the tests as `python3 libreoffice.py PROFILE_FOLDER`. It starts a headless LibreOffice with a profile of its
own, says `{"ready": true}`, and then answers each line of standard input with one line of standard output, both JSON:
`{"do": "open", "path": "…"}` is answered by `{"done": …}` or `{"failed": "what happened"}`. When standard input ends,
whatever the reason, LibreOffice is ended too.

Rows and columns count from 0. The sheet is always the first.
"""

import datetime
import json
import os
import signal
import subprocess
import sys
import time
import uuid

import uno
import unohelper
from com.sun.star.beans import PropertyValue
from com.sun.star.lang import Locale
from com.sun.star.table import TableSortField
from com.sun.star.task import XInteractionHandler
from com.sun.star.util.NumberFormat import DATE

START_SECONDS = 90
# CellFlags: VALUE | DATETIME | STRING | FORMULA. The format of a cell stays, as when a person presses Delete.
CONTENTS = 1 | 2 | 4 | 16


class Person(unohelper.Base, XInteractionHandler):
    """Says yes to all that she is asked: to open what is locked for reading only, to save over what others changed."""

    def handle(self, request):
        for continuation in request.Continuations:
            if continuation.queryInterface(uno.getTypeByName("com.sun.star.task.XInteractionApprove")):
                continuation.select()
                return


def properties(**values):
    return tuple(PropertyValue(Name=name, Value=value) for name, value in values.items())


class Program:
    """A LibreOffice that runs, and what is open in it."""

    def __init__(self, profile):
        pipe = "daybook" + uuid.uuid4().hex
        self.process = subprocess.Popen(
            [
                "soffice",
                "-env:UserInstallation=" + uno.systemPathToFileUrl(os.path.abspath(profile)),
                "--headless",
                "--norestore",
                "--nologo",
                "--nodefault",
                "--accept=pipe,name=" + pipe + ";urp;StarOffice.ServiceManager",
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.desktop = self.connect(pipe)
        self.documents = {}

    def connect(self, pipe):
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                url = "uno:pipe,name=" + pipe + ";urp;StarOffice.ComponentContext"
                context = resolver.resolve(url)
                return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
            except Exception:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    raise
                time.sleep(0.1)

    def open(self, path, csv=None):
        """Opens a workbook; `csv` holds the filter's options. Whether it is open and may be edited."""
        if path in self.documents:
            raise ValueError("it is open: " + path)
        values = properties(Hidden=True, InteractionHandler=Person())
        if csv is not None:
            values += properties(FilterName="Text - txt - csv (StarCalc)", FilterOptions=csv)
        document = self.desktop.loadComponentFromURL(uno.systemPathToFileUrl(path), "_blank", 0, values)
        if document is None:
            # Somebody else's lock.
            return False
        if document.isReadonly():
            document.close(True)
            return False
        self.documents[path] = document
        return True

    def sheet(self, path):
        return self.documents[path].Sheets.getByIndex(0)

    def used(self, path):
        sheet = self.sheet(path)
        cursor = sheet.createCursor()
        cursor.gotoEndOfUsedArea(False)
        end = cursor.RangeAddress
        return sheet, end.EndRow, end.EndColumn

    def show(self, path):
        """All cells as they are shown, rows of texts."""
        sheet, row, column = self.used(path)
        return [[sheet.getCellByPosition(x, y).String for x in range(column + 1)] for y in range(row + 1)]

    def formulas(self, path):
        """All cells as one would edit them: formulas with `=`, numbers as digits."""
        sheet, row, column = self.used(path)
        return [list(line) for line in sheet.getCellRangeByPosition(0, 0, column, row).FormulaArray]

    def set(self, path, row, column, value):
        """Types into a cell: a text, a number, `{"date": "2026-03-01"}`, `{"formula": "=A1"}`, or nothing."""
        cell = self.sheet(path).getCellByPosition(column, row)
        if value is None or value == "":
            cell.clearContents(CONTENTS)
        elif isinstance(value, str):
            cell.String = value
        elif isinstance(value, dict) and "date" in value:
            null = self.documents[path].NullDate
            day = datetime.date.fromisoformat(value["date"])
            cell.Value = (day - datetime.date(null.Year, null.Month, null.Day)).days
            self.show_as_date(path, cell)
        elif isinstance(value, dict):
            cell.Formula = value["formula"]
        else:
            cell.Value = value

    def show_as_date(self, path, cell):
        """What LibreOffice does by itself when a person types a date into a cell without a format."""
        formats = self.documents[path].NumberFormats
        if not formats.getByKey(cell.NumberFormat).Type & DATE:
            key = formats.queryKey("YYYY-MM-DD", Locale(), False)
            cell.NumberFormat = key if key >= 0 else formats.addNew("YYYY-MM-DD", Locale())

    def insert_rows(self, path, row, count):
        self.sheet(path).Rows.insertByIndex(row, count)

    def delete_rows(self, path, row, count):
        self.sheet(path).Rows.removeByIndex(row, count)

    def sort(self, path, column, ascending):
        """Sorts all rows below the first by a column."""
        sheet, row, last = self.used(path)
        field = TableSortField()
        field.Field, field.IsAscending = column, ascending
        fields = uno.Any("[]com.sun.star.table.TableSortField", (field,))
        cells = sheet.getCellRangeByPosition(0, 0, last, row)
        uno.invoke(cells, "sort", (properties(SortFields=fields, ContainsHeader=True),))

    def custom_properties(self, path):
        own = self.documents[path].DocumentProperties.UserDefinedProperties
        names = [value.Name for value in own.getPropertySetInfo().Properties]
        return {name: own.getPropertyValue(name) for name in names}

    def save(self, path):
        self.documents[path].store()

    def close(self, path):
        document = self.documents.pop(path)
        document.close(True)

    def end(self):
        try:
            for path in list(self.documents):
                self.close(path)
            self.desktop.terminate()
            self.process.wait(10)
        except Exception:
            pass
        # Whatever is left of it is in this script's own process group.
        if self.process.poll() is None:
            self.process.terminate()


ORDERS = {
    "open": Program.open,
    "show": Program.show,
    "formulas": Program.formulas,
    "set": Program.set,
    "insert_rows": Program.insert_rows,
    "delete_rows": Program.delete_rows,
    "sort": Program.sort,
    "custom_properties": Program.custom_properties,
    "save": Program.save,
    "close": Program.close,
}


def plain(value):
    return value if isinstance(value, (bool, int, float, str, list, dict, type(None))) else str(value)


def answer(program, line):
    order = json.loads(line)
    try:
        return {"done": plain(ORDERS[order.pop("do")](program, **order))}
    except Exception as error:
        return {"failed": type(error).__name__ + ": " + str(error)}


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def main():
    program = None
    try:
        program = Program(sys.argv[1])
        say({"ready": True})
        for line in sys.stdin:
            say(answer(program, line))
    finally:
        if program is not None:
            program.end()
        # The soffice of some systems is a chain of processes; all are in the group that the tests made for this script.
        if os.getpgrp() == os.getpid():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            os.killpg(os.getpgrp(), signal.SIGTERM)


if __name__ == "__main__":
    main()

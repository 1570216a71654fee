# The words in view workbooks.

# The comment in the file's properties.
view-comment = Made by Daybook at revision { $revision }. Grey cells can't be changed.

# The note on the title of a column with masked cells.
view-masked-note = Part of this column is masked: you may not see the full values. Masked cells can't be changed.

# What a drop-down says to another value (the title has at most 32 characters).
view-choice-title = Not in the list
view-choice-message = Please choose one of the values in the list.

# The mark at the end of a text that was cut, and the report of it.
view-cut-mark = … (cut)
view-cut-message = The text is longer than the { $limit } characters that a cell can hold. The view shows its beginning in a locked cell; the ledger has all of it.
view-cut-hint = To change the text, use `daybook record set` or the console.

# Booleans.
view-yes = Yes
view-no = No

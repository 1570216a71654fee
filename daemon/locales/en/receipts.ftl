# Receipts: what became of a mail.
receipt-subject = Re: { $subject }
receipt-subject-none = Your mail to Daybook
receipt-saved = Everything was saved.
receipt-counts = { $counts }.
receipt-nothing = Nothing was changed.
receipt-record = { $title } { $key }
receipt-record-new = { $title } { $key } (new)
receipt-record-unknown = { $title }
receipt-cell-applied = saved
receipt-cell-unchanged = unchanged
receipt-cell-superseded = not saved: by the office’s rule, the stored value stays
receipt-cell-refused = not saved: { $reason }
receipt-cell-conflict = waits for a decision: somebody else changed it in the meantime
receipt-cell-held = waits for a decision
receipt-row-refused = Not saved: { $reason }
receipt-row-held = Waits for a decision: { $reason }
receipt-empty = (empty)
receipt-hidden = (not shown)
receipt-change = { $old } → { $new }
receipt-lines = Not understood
receipt-line = { $place }: { $text }
receipt-rest = Read, and not taken as changes: { $quoted } lines of quoted or forwarded mails, { $signature } of a signature, { $prose } of other text.
receipt-undone = Your changes of { $at } were undone.
receipt-end = This is an automatic reply. If something was saved by mistake, reply to this mail with “undo” in the first line, and it is undone.
receipt-end-plain = This is an automatic reply.
receipt-title-record = Record
receipt-title-field = Field
receipt-title-change = Change
receipt-title-outcome = Outcome
receipt-place-line = line { $line }
receipt-place-row = table { $table }, row { $line }

# Commands.
mail-show-none = There is no such record, or you may not see it.
mail-show-none-do = Check the key.
mail-template-none = You may not change or add anything in this table, so there is no blank workbook for you.
mail-template-none-do = Ask the data steward if you think that you should.
mail-returned-too-large = The rows that were not saved are too many to be sent back.
mail-returned-too-large-do = Correct them in your own workbook and send it again, best in parts.
mail-undo-none = The mail that you replied to has nothing that could be undone.
mail-undo-none-do = Reply to the receipt of the change that you want to undo.
mail-undo-partly = Some of it has been changed by others since then, and stays as it is.
mail-undo-partly-do = Ask the data steward if it has to be different.

# What was not understood in a mail: what happened, and what to do.
mail-unknown-label = No field has this label. The line was not saved.
mail-unknown-label-do = Correct the label and send the line again.
mail-ambiguous-label = The label could mean more than one field. The line was not saved.
mail-ambiguous-label-do = Write the full name of the field.
mail-unclear-line = It is not certain where one value ends and the next begins. The line was not saved.
mail-unclear-line-do = Write each field on a line of its own.
mail-unclear-value = It is not certain whether the value goes on in the next line. It was not saved.
mail-unclear-value-do = Write the value in one line, and leave a blank line after it.
mail-change-in-words = This may be a change in words. It was not saved.
mail-change-in-words-do = Write it as a label and a value under the record’s key.
mail-label-after-text = This stands apart from the record and may belong to a signature. It was not saved.
mail-label-after-text-do = Write it right below the record’s key.
mail-below-signature = This is below a signature. It was not saved.
mail-below-signature-do = Write it above your signature.
mail-after-quote = This comes right after a quoted mail and may belong to it. It was not saved.
mail-after-quote-do = Write it at the top of the mail.
mail-clearing-word = It is not clear whether this is the value or the value is to be cleared. It was not saved.
mail-clearing-word-do = To clear a value, write “(clear)”.
mail-two-values = The old and the new value stand together. It was not saved.
mail-two-values-do = Write only the new value behind the label.
mail-label-of-other-table = This is a field of another table. It was not saved.
mail-label-of-other-table-do = Send it again with that table’s name in brackets at the beginning of the subject, such as “[Complaints]”.
mail-not-announced = It does not say that this is a new record, and it may be a signature. It was not saved.
mail-not-announced-do = Write the record’s key above it; if it is new, write “New:” in a line above it.
mail-no-key = It does not say which record it is about. It was not saved.
mail-no-key-do = Write the record’s key above it.
mail-said-twice = The mail says this twice, and differently. Neither was saved.
mail-said-twice-do = Send the one that is right.
mail-nothing-said = No value was given, so nothing was changed.
mail-nothing-said-do = Write the value; to clear what is stored, write “(clear)”.
mail-merged-cells = The row has merged cells. It was not saved.
mail-merged-cells-do = Unmerge the cells and paste the table again.
mail-wrong-width = The row does not have as many cells as the title row. It was not saved.
mail-wrong-width-do = Paste the table again.
mail-command-and-changes = The mail has both a command and changes. Neither was carried out.
mail-command-and-changes-do = Send the command and the changes in two mails.
mail-word-answers-nothing = The mail that this one answers asks nothing that this word could decide. The word was left aside.
mail-word-answers-nothing-do = If you meant to decide something, use the link in the receipt, or send “reviews” to see what you may decide.
mail-reader-no-answer = One of the office’s own programs that read mails had no answer. What only that program would have understood was not saved.
mail-reader-no-answer-do = Write it as labels and values under the record’s key, or tell your IT.
mail-nothing-found = The mail has nothing that could be saved.
mail-nothing-found-do = Write labels and values under the record’s key, or paste a table.
mail-attachment-missing = Not exactly one attachment has that name. None was read.
mail-attachment-missing-do = Check the name, and attach the workbook.
mail-forward-not-read = What you forwarded was not read.
mail-forward-not-read-do = If it is to be read, forward the mail again and write “forwarded” in the first line.
mail-forwarded-attachment = The workbook came with a forwarded mail. It was not read.
mail-forwarded-attachment-do = If it is to be read, forward the mail again and write “forwarded” in the first line.
mail-undo-of-nothing = “undo” was not sent as a reply. Nothing was done.
mail-undo-of-nothing-do = Reply to the receipt with “undo”.
mail-forward-missing = The mail says that a forwarded mail is to be read, but has none. Nothing was saved.
mail-forward-missing-do = Forward the mail again, in the text or as an attachment.
mail-several-forwards = More than one mail is attached, and it is not said which is to be read. Nothing was saved.
mail-several-forwards-do = Forward each in a mail of its own.
mail-too-long = The mail’s text is too long. Nothing in it was saved.
mail-too-long-do = Send it in several mails.
mail-text-and-html-disagree = The mail’s plain text and its formatted text say different things. Nothing in it was saved.
mail-text-and-html-disagree-do = Write a new mail as plain text.
mail-unknown-table = The address names a table that is not kept here. Nothing was saved.
mail-unknown-table-do = Check the address.
mail-several-tables = The mail names two tables. Nothing was saved.
mail-several-tables-do = Send one mail for each table.
mail-too-large = The mail, or something in it, is too large. Nothing in it was saved.
mail-too-large-do = Send less in one mail: only the workbook, and without pictures.
mail-too-many-parts = The mail has too many parts or attachments. Nothing in it was saved.
mail-too-many-parts-do = Send it in several mails.
mail-too-deep = Too many mails are nested in this one. Nothing in it was saved.
mail-too-deep-do = Write a new mail, without the earlier mails.
mail-undecodable-text = The text encoding of the mail could not be determined. Nothing in it was saved.
mail-undecodable-text-do = Set your mail program to send in Unicode (UTF-8), and send it again.
mail-names-differ = An attachment goes by two different names. Nothing in it was saved.
mail-names-differ-do = Rename the file, with plain letters and digits, and attach it to a new mail.
mail-encrypted = The mail is encrypted, and can’t be read here. Nothing in it was saved.
mail-encrypted-do = Send it again without encryption; a signature is fine.
mail-malformed = The mail is damaged. Nothing in it was saved.
mail-malformed-do = Write a new mail and send it from your own mail program.
mail-put-aside = Your mail could not be processed. Nothing in it was saved, and the data steward has been told.
mail-put-aside-do = Write it in another way and send it again, for example as labels and values under the record’s key, or ask the data steward.
mail-receipts-paused = You have sent many mails in a short time. What they say is taken as ever, but for some hours there are no further receipts; afterwards one mail tells of all of them.
mail-receipts-paused-do = To see what is stored, send “show” with a record’s key later, or ask the data steward.

# Workbooks that came with a mail.
receipt-record-at = { $record }, { $place }
receipt-row-unchanged = Nothing to do for this row: { $reason }
receipt-records-fine = { $count ->
    [one] 1 further record was saved in full, or was unchanged.
   *[other] { $count } further records were saved in full, or were unchanged.
}
receipt-records-more = { $count ->
    [one] 1 further record was not saved in full. It is not listed here.
   *[other] { $count } further records were not saved in full. They are not listed here.
}
receipt-lines-more = { $count ->
    [one] 1 further line was not understood. It is not listed here.
   *[other] { $count } further lines were not understood. They are not listed here.
}
receipt-file = { $rows ->
    [one] { $name }: 1 row was read.
   *[other] { $name }: { $rows } rows were read.
}
receipt-file-sheet = { $rows ->
    [one] { $name }: 1 row of the sheet “{ $sheet }” was read.
   *[other] { $name }: { $rows } rows of the sheet “{ $sheet }” were read.
}
receipt-file-unread = { $name }: not saved. { $reason }
receipt-file-held = { $name }: waits for a decision. It would change unexpectedly much of what is stored; the data steward decides whether its { $rows } rows are taken, and you will be told. Nothing in it has been saved so far. If rows or columns have moved by mistake, correct the workbook and send it again.
receipt-file-column = Column “{ $title }”: { $reason }
receipt-file-problem = { $reason }
receipt-sent-rows = The rows that were not saved are attached, each with the reason in its last column. Correct them and send the workbook back.
receipt-sent-template = The blank workbook is attached. Fill in a row for each record and send it back as an attachment. Empty cells change nothing; to clear a value, write “(clear)”.
returned-file = not saved - { $name }
returned-reason = Reason
returned-reason-other = Daybook reason
template-file = { $name } - blank
template-key-note = The key says which record a row is about. A key that is not there yet adds a record, if you may add records.
template-number-note = The key says which record a row is about. Leave it empty for a new record: it gets the next number.

# Why a workbook, or a column of it, was not read: what is wrong, and what to do.
file-encrypted = It is protected with a password. Save it without the password for opening and send it again.
file-not-a-workbook = It is not a workbook. Save it as an Excel workbook (.xlsx) and send it again.
file-empty-file = It is empty. Attach the workbook again.
file-truncated = It ends too early. Attach the workbook again.
file-damaged = It is damaged. Open it in your spreadsheet program, save it, and send it again.
file-unreadable = Its format can’t be read here. Save it as an Excel workbook (.xlsx) and send it again.
file-encoding-unknown = Its text encoding could not be determined. Save it as an Excel workbook (.xlsx) and send it again.
file-forward-not-read = It is another mail. If it is to be read, forward it again and write “forwarded” in the first line.
file-other-sheet = Of each workbook one sheet is read, and another one was. If this one is meant, too, send it as a workbook of its own.
file-sheet-missing = It has no sheet with cells. Put the table onto the first sheet and send it again.
file-header-missing = It has no row of titles. Put titles above the columns and send it again.
file-missing-key-column = No column has the title of the key, so it is not known which records the rows are about. Send “template” for a blank workbook, or correct the title.
file-too-large = It is too large. Delete what is not needed, and send it again.
file-too-many-rows = It has more rows than are accepted by mail. Send it in several mails.
file-too-many-columns = It has too many columns. Delete what is not needed, and send it again.
file-too-many-problems = It has too many problems. Correct them, and send it again.
file-zip-ratio = Unpacked it would be far larger than a workbook should be. Open it, clear what is not needed, save it, and send it again.
file-too-many-workbooks = There are too many workbooks in one mail. Send them in several mails.
file-timed-out = Reading it took too long. Send it in a mail of its own, without what is not needed.
file-reader-failed = It could not be read at the moment. Send it again later.
file-rejected = The data steward has decided not to accept it.
file-unknown-column = no field has this title. It was not read.
file-ambiguous-column = the title could mean more than one field. It was not read.
file-duplicate-column = another column means the same field. Neither was read.
file-more-problems = There are more problems, not listed here.
file-other = It could not be read in full. Save it as an Excel workbook (.xlsx) and send it again.

# What the reader may decide, and what was decided.
receipt-questions = To be decided by you: { $count }
receipt-questions-more = More are open. To see them all, send “reviews”.
receipt-questions-next = More are open. To see the next ones, send “reviews { $page }”; or decide these first, and send “reviews” again.
receipt-question-value = { $record }: there are two different values. Which is to stand?
receipt-question-missing = { $record }: its row is gone from the workbook. Is the record to be put away?
receipt-question-key = { $record }: a row looks like this record under another key. Is it this record?
receipt-question-place = { " " }({ $place })
receipt-option = { $what } – { $values }
receipt-option-value = { $field }: { $value }
receipt-option-between = , { "" }
receipt-option-value-incoming = Take what was sent
receipt-option-value-stored = Keep what is stored
receipt-option-missing-accept = Put the record away
receipt-option-missing-reject = Keep the record
receipt-option-key-accept = It is this record; correct its key
receipt-option-key-reject = It is another record; leave the key
receipt-decide-word = decide
receipt-decide-subject = Daybook decision
receipt-decide-how = Click one of the links and send the mail that opens; or send a mail that has the line below it. Each can be used once, by you only.
receipt-decide-how-one = Answer this mail with nothing but 1 or 2 in the first line; or click one of the links and send the mail that opens. Each can be used once, by you only.
receipt-decided-value-incoming = Decided: { $record } has what was sent.
receipt-decided-value-stored = Decided: { $record } keeps what was stored.
receipt-decided-missing-accept = Decided: { $record } was put away. Its history stays.
receipt-decided-missing-reject = Decided: { $record } is kept.
receipt-decided-key-accept = Decided: the row is { $record }; its key was corrected.
receipt-decided-key-reject = Decided: the row is not { $record }; its key stays.

# Mails that were not answered one by one.
receipt-digest = { $count ->
    [one] One mail of yours was taken and not answered by itself, because many had come in a short time:
   *[other] { $count } mails of yours were taken and not answered one by one, because many had come in a short time:
}
receipt-digest-line = { $at }: { $counts } ({ $arrival })
receipt-digest-waiting = Some of it waits for a decision. To see what of that you may decide, send “reviews”.
receipt-count-applied = { $count } saved
receipt-count-unchanged = { $count } unchanged
receipt-count-refused = { $count } not saved
receipt-count-waiting = { $count } waiting for a decision
receipt-count-unclear = { $count } not understood
receipt-count-none = nothing was changed
receipt-count-between = , { "" }
receipt-digest-more = … and { $count } more.

mail-decide-unknown = The decision can’t be used: it is not complete, or it was not made for you. Nothing was decided.
mail-decide-unknown-do = Use the link in the receipt that was sent to you, or send “reviews” to see what you may decide.
mail-decide-expired = The time for this decision is over. Nothing was decided.
mail-decide-expired-do = Send “reviews” to see what you may decide.
mail-decide-used = This decision was sent before, and counts once. Nothing more was done.
mail-decide-used-do = To take a decision back, answer its receipt with “undo”.
mail-decide-closed = This is decided already, or no longer open. Nothing was done.
mail-decide-closed-do = Send “show” with the record’s key to see what is stored.
mail-decide-changed = The record, or what was sent for it, was changed meanwhile. Nothing was decided.
mail-decide-changed-do = Look at what is stored now, and decide again if you are asked below.
mail-decide-forbidden = You may not decide this. Nothing was decided.
mail-decide-forbidden-do = Ask the data steward.
mail-decide-refused = This can’t be decided so, because it does not fit what is stored by now. Nothing was decided.
mail-decide-refused-do = Decide otherwise, or ask the data steward.
mail-decide-nothing = The mail that this one answers asks nothing that this word could decide. Nothing was done.
mail-decide-nothing-do = Use the link in the receipt, or send “reviews” to see what you may decide.
mail-decide-several = The mail that this one answers asks several things. Nothing was decided.
mail-decide-several-do = Use the link below the question that you want to decide.
mail-reviews-none = There is nothing open that you may decide.
mail-reviews-none-do = What others have to decide is with them or the data steward.
mail-reviews-no-page = There is no such page: fewer questions are open that you may decide.
mail-reviews-no-page-do = Send “reviews” to see them from the beginning.

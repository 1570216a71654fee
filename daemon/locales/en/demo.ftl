# The words of `daybook demo`.
demo-title = A day with Daybook
demo-begin = This is a small office in { $folder }. Its people and its customers are made up. The workbooks, the store and the rules are real: each line below is read back from them.

# Who there is.
demo-office = Example Trading Ltd
demo-sales = Li Lei
demo-finance = Han Meimei
demo-reason-sales = Sales keep the customers of their department
demo-reason-finance = Finance keep terms and contact data; names and addresses are kept by sales
demo-reason-bookkeeping = The old bookkeeping program brings terms and nothing else
demo-reason-management = Management see how things stand, and no telephone numbers

# What becomes of an edit.
demo-outcome = { $outcome } · { $who } · rule { $rule }
demo-outcome-applied = applied
demo-outcome-superseded = set aside by a rule
demo-outcome-refused = refused
demo-outcome-conflict = asks a person
demo-outcome-held = waits
demo-decided-by = decided by the { $who } · rule { $rule }
demo-steward = data steward
demo-told = Daybook says why:

demo-morning = Morning: everybody's workbook is read
demo-morning-begin = Li Lei in sales keeps the customers in a workbook with Chinese titles. An old bookkeeping program exports credit limits as a CSV file in GB18030. Daybook reads both into one encrypted store, makes two workbooks from it, and answers each row in the column “Daybook” of Li Lei's workbook.
demo-read = read
demo-written = written
demo-rows = { $count ->
    [one] { $count } row
   *[other] { $count } rows
}
demo-file-sales = the workbook of sales
demo-file-bookkeeping = what the old program exports
demo-file-finance = for finance, who may edit parts of it
demo-file-management = for management, to read: offers and contracts only
demo-morning-counts = { $records } records are in the store; { $changes } cells were filled.
demo-morning-joined = “{ $name }” from the CSV file is the customer of the same number from sales: finance see one row with its credit limit of { $limit }.
demo-morning-masked = Management's workbook has telephone numbers as { $phone } only. The digits are not in the file.
demo-morning-again = A second look finds nothing to do.

demo-spread = An edit that spreads
demo-spread-begin = Li Lei corrects a telephone number and saves her workbook.
demo-spread-seen = Han Meimei in finance has it in her workbook:
demo-spread-checked = The store and finance's workbook show the new number.

demo-conflict = Two people, one cell
demo-conflict-begin = Li Lei and Han Meimei both change one number, before either has seen what the other wrote. For telephone numbers the office has chosen the rule “review”: no one wins by saving last.
demo-conflict-asked = What came first stays until the data steward has decided. The question on her desk:
demo-base = before
demo-stored = stored now
demo-incoming = also said
demo-incoming-from = (from { $place })
demo-conflict-decided = She calls the customer. Finance are right:
demo-conflict-checked = The store and finance's workbook show the number that the steward chose.
demo-conflict-sales = Li Lei's own workbook has the chosen number too: Daybook changed that cell and the answer beside it, and nothing else in her file.

demo-forbidden = An edit that is not allowed
demo-forbidden-begin = Han Meimei takes the sheet's protection off and renames a customer. Names are kept by sales.
demo-forbidden-back = The next moment her workbook has the name back:
demo-forbidden-checked = The name is as it was, in the store and in her workbook.

demo-bad = A value that is no date
demo-bad-begin = Li Lei types a date that no calendar has, and a note that is fine, in one save.
demo-bad-note = Please call back in April
demo-bad-checked = The note is in the store. The date there is still { $date }; what she typed stands in her workbook.
demo-bad-answer = In the column “Daybook” of that row stands:
demo-bad-once = She is told once, not at every save.
demo-bad-corrected = She corrects it.
demo-bad-right = The date is in the store, and her row says “{ $answer }”.

demo-plugin = A rule of the office's own
demo-plugin-begin = IT has installed a plugin, “uscc”: it knows when a 统一社会信用代码 can't be right. Li Lei types two of them, and in the second two characters change places.
demo-plugin-none = IT's plugin is left out today: it could not be built when this program was. { $why }
demo-plugin-held = The first code is in the store. The second waits: the store has nothing of it, and the steward sees the question.
demo-plugin-corrected = She looks at the business licence and corrects it.
demo-plugin-checked = The code is in the store, and the question is gone by itself.

demo-mail = A mail from the road
demo-mail-begin = Li Lei is with a customer and has no workbook at hand. She writes to the office's capture address:
demo-mail-text =
    Customer ID: { $key }
    Phone: { $phone }
    Credit limit: 90000

    Thanks!
    Li Lei
demo-mail-answered = Daybook takes what she may change, and answers each line:
demo-mail-lies = The answer lies here, as a mail server would be handed it; a mail program opens it:
demo-mail-checked = The number is in the store and in finance's workbook. The credit limit, which is for finance to change, is as it was, and she was not shown it.

demo-vanished = A row is gone
demo-vanished-begin = Li Lei deletes a row. Did she mean to, or did it slip away while she was sorting?
demo-vanished-row = row { $row } deleted
demo-vanished-asked = Nothing is deleted. The steward is asked, and finance's workbook still has the customer.
demo-vanished-decided = It was a slip, she finds, and the record is to stay:
demo-vanished-checked = The customer is there, and nobody is asked again.

demo-revert = A change that is taken back
demo-revert-begin = Han Meimei drags a cell too far down and saves: six customers have a credit limit of 5.
demo-revert-more = { $count ->
    [one] and { $count } more
   *[other] and { $count } more
}
demo-revert-decided = The steward posts the opposite of that save:
demo-revert-checked = All six have their credit limits back, in the store and in finance's workbook. The history keeps both changes.

demo-evening = Evening
demo-evening-counts = { $records } records; { $arrivals } arrivals: saves, decisions and views that were written. { $applied } cells applied, { $refused } refused, { $questions } questions decided.
demo-evening-open = Every record is still there, and no question is open.
demo-evening-finance = Finance's workbook agrees with the store in every cell.
demo-evening-management = Management's workbook has its { $count } rows, and no telephone number in full.
demo-evening-replayed = The journal with its { $arrivals } arrivals was replayed into a fresh ledger: it is the same.

demo-try = Now you
demo-try-sales = Open the workbook of sales, change a cell, and save:
demo-try-finance = Then look at finance's workbook, which Daybook writes when it is closed. White cells may be changed there, grey ones may not:
demo-try-management = Management's workbook is for reading:
demo-try-mail = A mail that you save as a file in this folder is taken, too; the answer lies beside it in “receipts”:
demo-look-elsewhere = In another terminal you can look at what became of it:
demo-look = To look around
demo-look-commands = What became of a record, what others may see of it, what was asked and what arrived; and the daemon itself:
demo-kept = The folder is kept: { $folder }. Delete it when you have seen enough.
demo-waiting = Daybook is watching. Ctrl-C ends it.
demo-took-nothing = { $file } was saved; it says nothing new.
demo-took = { $file } was saved: { $outcomes }
demo-took-none = nothing of it could be taken over
demo-took-questions = The steward has a question: see “review list”.
demo-published = { $count ->
    [one] { $count } workbook was written.
   *[other] { $count } workbooks were written.
}
demo-sent = { $count ->
    [one] { $count } mail was sent.
   *[other] { $count } mails were sent.
}
demo-ended = Daybook has ended. The store and the workbooks are as they were left.

# What can go wrong with the demo itself.
demo-folder-used = `{ $folder }` is not empty; nothing was written
demo-folder-used-hint = Name a folder that is empty or not there yet, or leave `--dir` out.
demo-not-so = the demo told something that is not so: { $what }
demo-not-so-hint = This is a defect of Daybook. The office is kept in { $folder }.

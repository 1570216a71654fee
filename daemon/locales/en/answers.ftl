# Answers in the column "Daybook" of people's own workbooks.
answer-saved = Saved
answer-waiting = Waiting for a decision
answer-waiting-for = Waiting for a decision: { $fields }
answer-refused = Not saved: { $reasons }
answer-field = { $field }: { $reason }
answer-between = ,{" "}
answer-and = ;{" "}
answer-takes = { $reason } ({ $takes })
answer-such-as = such as { $example }
answer-other = it was not accepted

# Why something was not saved.
answer-ambiguous-date = the date can be read in two ways
answer-cell-error = the cell shows an error
answer-not-a-boolean = not yes or no
answer-not-a-date = not a date
answer-not-a-datetime = not a date and time
answer-not-a-number = not a number
answer-not-an-integer = not a whole number
answer-not-an-email = not an e-mail address
answer-not-a-phone = not a phone number
answer-not-a-uri = not a web address
answer-not-a-uuid = not a UUID
answer-not-a-uscc = not a valid 统一社会信用代码
answer-not-a-cn-id = not a valid 公民身份号码
answer-number-lost-digits = the long number has lost its last digits: type it as text
answer-scientific-notation = the number became 1.2E+10: type it as text
answer-number-out-of-range = the number is too large
answer-time-zone-offset = the time has a time zone
answer-not-allowed-value = not one of the allowed values
answer-pattern = not of the expected form
answer-too-early = too early
answer-too-late = too late
answer-too-large = too large
answer-too-small = too small
answer-too-long = too long
answer-too-short = too short
answer-no-key = without a key it is not known whose row it is
answer-duplicate-key = another row has the same key
answer-said-twice = it is said twice, and differently
answer-repeated = it was put together with another row about the same record
answer-key-alone = nothing stands beside the key
answer-required = a required value is empty
answer-not-unique = another record has this value
answer-read-only = this workbook is for reading
answer-forbidden = you may not change this
answer-rejected = the save was rejected
answer-plugin-held = a rule of the office is not met
answer-plugin-failed = a check could not be run; IT has been told
answer-plugin-skipped = taken, though a check could not be run

# What is told of something that was taken.
answer-plugin-warning = a rule of the office asks to look at this again
answer-plugin-replaced = changed by a rule of the office

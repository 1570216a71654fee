  ;; Answers with a list beyond its memory.
  (func $JOB(validate)
    (i32.store8 (i32.const 1400) (i32.const 0))
    (i32.store (i32.const 1404) (i32.const 0xffffff00))
    (i32.store (i32.const 1408) (i32.const 1000000))
    (i32.const 1400))

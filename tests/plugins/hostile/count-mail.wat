  ;; Reads more in one line than it may.
  (func $JOB(mail)
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 1600)) (i32.store (i32.const 1408) (i32.const 5))
    (i32.const 1400))

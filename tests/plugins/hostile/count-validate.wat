  ;; Finds more in one row than it may.
  (func $JOB(validate)
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 1600)) (i32.store (i32.const 1408) (i32.const 33))
    (i32.const 1400))

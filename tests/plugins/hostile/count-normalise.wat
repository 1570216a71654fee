  ;; Changes more cells than its one row has.
  (func $JOB(normalise)
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 1600)) (i32.store (i32.const 1408) (i32.const 4))
    (i32.const 1400))

  ;; Its message is no UTF-8.
  (data (i32.const 1700) "\ff\fe")
  (func $JOB(validate)
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 1600)) (i32.store (i32.const 1408) (i32.const 1))
    (i32.store8 offset=12 (i32.const 1600) (i32.const 2))
    (i32.store offset=16 (i32.const 1600) (i32.const 1040)) (i32.store offset=20 (i32.const 1600) (i32.const 4))
    (i32.store offset=24 (i32.const 1600) (i32.const 1040)) (i32.store offset=28 (i32.const 1600) (i32.const 4))
    (i32.store offset=24 (i32.const 1600) (i32.const 1700)) (i32.store offset=28 (i32.const 1600) (i32.const 2))
    (i32.const 1400))

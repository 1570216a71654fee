  ;; Logs a line that is longer than all that it may say.
  (memory (export "memory") 100)
  (func $JOB(validate) (call $log (i32.const 3) (i32.const 65536) (i32.const 6000000)) (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 0)) (i32.store (i32.const 1408) (i32.const 0)) (i32.const 1400))

  ;; Calls itself without end.
  (func $deeper (param $level i32) (result i32)
    (i32.add (local.get $level) (call $deeper (i32.add (local.get $level) (i32.const 1)))))
  (func $JOB(validate) (call $deeper (i32.const 0)))

  ;; Logs a page five thousand times, and then answers.
  (func $JOB(validate) (local $line i32)
    (loop $next
      (call $log (i32.const 3) (i32.const 0) (i32.const 1000))
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $line) (i32.const 5000))))
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 0)) (i32.store (i32.const 1408) (i32.const 0)) (i32.const 1400))

  ;; Resolves more than was disputed.
  (func $JOB(merge)
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 1600))
    (i32.store (i32.const 1408) (i32.add (local.get $disputes-len) (i32.const 1)))
    (i32.const 1400))

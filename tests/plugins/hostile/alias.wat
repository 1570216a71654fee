  ;; Says one text of a MiB thirty-two times over.
  (memory (export "memory") 40)
  (func $JOB(validate) (local $item i32) (local $at i32)
    (memory.fill (i32.const 1048576) (i32.const 97) (i32.const 1048576))
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 8192))
    (i32.store (i32.const 1408) (i32.const 32))
    (loop $next
      (local.set $at (i32.add (i32.const 8192) (i32.mul (local.get $item) (i32.const 32))))
      (i32.store offset=16 (local.get $at) (i32.const 1040)) (i32.store offset=20 (local.get $at) (i32.const 4))
      (i32.store offset=24 (local.get $at) (i32.const 1048576)) (i32.store offset=28 (local.get $at) (i32.const 1048576))
      (local.set $item (i32.add (local.get $item) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $item) (i32.const 32))))
    (i32.const 1400))

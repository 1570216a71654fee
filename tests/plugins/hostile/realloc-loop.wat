  ;; Never finds room for what it is sent.
  (func $realloc (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (if (i32.gt_u (local.get $bytes) (i32.const 8)) (then (loop $ever (br $ever))))
    (i32.const 4096))
  (func $JOB(validate) unreachable)

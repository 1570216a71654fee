  ;; Calls the host while the host is sending.
  (func $realloc (export "cabi_realloc") (param i32 i32 i32) (param $bytes i32) (result i32)
    (if (i32.gt_u (local.get $bytes) (i32.const 8)) (then (call $log (i32.const 1) (i32.const 1040) (i32.const 4))))
    (i32.const 4096))
  (func $JOB(validate) unreachable)

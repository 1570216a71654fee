  ;; Is as certain as no number says.
  (func $JOB(classify)
    (i32.store8 (i32.const 1400) (i32.const 0)) (i32.store (i32.const 1404) (i32.const 1600))
    (i32.store (i32.const 1408) (i32.const 1))
    (i32.store offset=4 (i32.const 1600) (i32.const 1040)) (i32.store offset=8 (i32.const 1600) (i32.const 4))
    (f32.store offset=12 (i32.const 1600) (f32.const nan:0x200001))
    (i32.const 1400))

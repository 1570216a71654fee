(component
  ;; Describes itself by a number.
  (core module $m (func (export "f") (result i32) (i32.const 7)))
  (core instance $i (instantiate $m))
  (func $f (result u32) (canon lift (core func $i "f")))
  (instance $meta (export "describe" (func $f)))
  (export "daybook:plugin/meta@1.0.0" (instance $meta)))

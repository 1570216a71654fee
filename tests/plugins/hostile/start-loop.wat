  ;; Never comes into being.
  (func $begin (loop $ever (br $ever)))
  (start $begin)
  (func $JOB(validate) unreachable)

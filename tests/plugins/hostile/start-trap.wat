  ;; Breaks off as it comes into being.
  (func $begin unreachable)
  (start $begin)
  (func $JOB(validate) unreachable)

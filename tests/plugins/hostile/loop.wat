  ;; Never answers.
  (func $JOB(validate) (loop $ever (br $ever)) unreachable)

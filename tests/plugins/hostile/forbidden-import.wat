(component
  ;; Wants the environment.
  (import "wasi:cli/environment@0.2.3" (instance)))

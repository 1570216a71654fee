  ;; A plugin with all four jobs, written for a schema whose first column is text.
  ;;
  ;; normalise sets the first cell of each row to "X"; validate finds an issue in rows whose first cell is empty, and traps on a first cell
  ;; that begins with "!", loops on one that begins with "~" and declines one that begins with "?"; classify labels each row "gold" with 0.5
  ;; and then "silver" with 0.25; merge takes what came in.
  (data (i32.const 2048) "X")
  (data (i32.const 2052) "empty")
  (data (i32.const 2060) "\e7\a9\ba")
  (data (i32.const 2064) "gold")
  (data (i32.const 2070) "silver")

  ;; The address of the first cell of a row.
  (func $first (param $rows i32) (param $row i32) (result i32)
    (i32.load offset=8 (i32.add (local.get $rows) (i32.mul (local.get $row) (i32.const 16)))))

  ;; Makes the result at 1400: a list.
  (func $list (param $at i32) (param $length i32) (result i32)
    (i32.store8 (i32.const 1400) (i32.const 0))
    (i32.store (i32.const 1404) (local.get $at))
    (i32.store (i32.const 1408) (local.get $length))
    (i32.const 1400))

  (func $alloc (param $bytes i32) (result i32)
    (call $realloc (i32.const 0) (i32.const 0) (i32.const 8) (local.get $bytes)))

  (func $JOB(normalise) (local $row i32) (local $list i32) (local $at i32)
    (local.set $list (call $alloc (i32.mul (local.get $count) (i32.const 28))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $row) (local.get $count)))
      (local.set $at (i32.add (local.get $list) (i32.mul (local.get $row) (i32.const 28))))
      (i32.store (local.get $at) (local.get $row))
      (i32.store offset=4 (local.get $at) (i32.const 0))
      (i32.store8 offset=8 (local.get $at) (i32.const 1))
      (i32.store offset=12 (local.get $at) (i32.const 2048))
      (i32.store offset=16 (local.get $at) (i32.const 1))
      (i32.store offset=20 (local.get $at) (i32.const 2060))
      (i32.store offset=24 (local.get $at) (i32.const 3))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $next)))
    (call $list (local.get $list) (local.get $count)))

  (func $JOB(validate) (local $row i32) (local $found i32) (local $list i32) (local $at i32) (local $cell i32) (local $byte i32)
    (local.set $list (call $alloc (i32.mul (local.get $count) (i32.const 32))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $row) (local.get $count)))
      (local.set $cell (call $first (local.get $rows) (local.get $row)))
      (if (i32.load8_u (local.get $cell))
        (then
          (local.set $byte (i32.load8_u (i32.load offset=4 (local.get $cell))))
          (if (i32.eq (local.get $byte) (i32.const 33)) (then unreachable))
          (if (i32.eq (local.get $byte) (i32.const 126)) (then (loop $ever (br $ever))))
          (if (i32.eq (local.get $byte) (i32.const 63)) (then
            (i32.store8 (i32.const 1400) (i32.const 1))
            (i32.store8 (i32.const 1404) (i32.const 1))
            (i32.store (i32.const 1408) (i32.const 2052))
            (i32.store (i32.const 1412) (i32.const 5))
            (return (i32.const 1400)))))
        (else
          (local.set $at (i32.add (local.get $list) (i32.mul (local.get $found) (i32.const 32))))
          (i32.store (local.get $at) (local.get $row))
          (i32.store8 offset=4 (local.get $at) (i32.const 1))
          (i32.store offset=8 (local.get $at) (i32.const 0))
          (i32.store8 offset=12 (local.get $at) (i32.const 2))
          (i32.store offset=16 (local.get $at) (i32.const 2052))
          (i32.store offset=20 (local.get $at) (i32.const 5))
          (i32.store offset=24 (local.get $at) (i32.const 2060))
          (i32.store offset=28 (local.get $at) (i32.const 3))
          (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $next)))
    (call $list (local.get $list) (local.get $found)))

  (func $JOB(classify) (local $row i32) (local $list i32) (local $at i32)
    (local.set $list (call $alloc (i32.mul (local.get $count) (i32.const 32))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $row) (local.get $count)))
      (local.set $at (i32.add (local.get $list) (i32.mul (local.get $row) (i32.const 32))))
      (i32.store (local.get $at) (local.get $row))
      (i32.store offset=4 (local.get $at) (i32.const 2064))
      (i32.store offset=8 (local.get $at) (i32.const 4))
      (f32.store offset=12 (local.get $at) (f32.const 0.5))
      (i32.store offset=16 (local.get $at) (local.get $row))
      (i32.store offset=20 (local.get $at) (i32.const 2070))
      (i32.store offset=24 (local.get $at) (i32.const 6))
      (f32.store offset=28 (local.get $at) (f32.const 0.25))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $next)))
    (call $list (local.get $list) (i32.mul (local.get $count) (i32.const 2))))

  (func $JOB(merge) (local $row i32) (local $list i32) (local $at i32)
    (local.set $list (call $alloc (i32.mul (local.get $disputes-len) (i32.const 28))))
    (block $done (loop $next
      (br_if $done (i32.eq (local.get $row) (local.get $disputes-len)))
      (local.set $at (i32.add (local.get $list) (i32.mul (local.get $row) (i32.const 28))))
      (i32.store (local.get $at) (local.get $row))
      (i32.store8 offset=4 (local.get $at) (i32.const 1))
      (i32.store offset=20 (local.get $at) (i32.const 2060))
      (i32.store offset=24 (local.get $at) (i32.const 3))
      (local.set $row (i32.add (local.get $row) (i32.const 1)))
      (br $next)))
    (call $list (local.get $list) (local.get $disputes-len)))

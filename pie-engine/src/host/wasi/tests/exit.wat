;; Ends itself: with success for 0, with failure for 1, else with the code itself.
(component
  (import "wasi:cli/exit@0.2.12" (instance $exit
    (export "exit" (func (param "status" (result))))
    (export "exit-with-code" (func (param "status-code" u8)))))
  (core func $exit (canon lower (func $exit "exit")))
  (core func $exit-with-code (canon lower (func $exit "exit-with-code")))
  (core module $m
    (import "" "exit" (func $exit (param i32)))
    (import "" "exit-with-code" (func $exit-with-code (param i32)))
    (func (export "run") (param $code i64) (result i64)
      (if (i64.le_u (local.get $code) (i64.const 1))
        (then (call $exit (i32.wrap_i64 (local.get $code))))
        (else (call $exit-with-code (i32.wrap_i64 (local.get $code)))))
      unreachable))
  (core instance $i (instantiate $m (with "" (instance
    (export "exit" (func $exit))
    (export "exit-with-code" (func $exit-with-code))))))
  (func (export "run") (param "code" u64) (result u64) (canon lift (core func $i "run"))))

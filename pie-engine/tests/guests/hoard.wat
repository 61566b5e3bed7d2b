;; Describes a forward pass that gets longer and longer: each call adds all of its memory, 64 KiB, as tokens and as positions.
(component
  (import "pie:core/model" (instance $model
    (export "model" (type $model (sub resource)))
    (export "[static]model.load" (func (param "name" string) (result (result (own $model) (error string)))))))
  (alias export $model "model" (type $model))
  (import "pie:core/inference" (instance $inference
    (alias outer 1 $model (type $outer-model))
    (export "model" (type $model (eq $outer-model)))
    (export "forward-pass" (type $pass (sub resource)))
    (export "[constructor]forward-pass" (func (param "model" (borrow $model)) (result (own $pass))))
    (export "[method]forward-pass.input-tokens"
      (func (param "self" (borrow $pass)) (param "tokens" (list u32)) (param "positions" (list u32))))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 56) "default")
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192)))
  (core instance $libc (instantiate $libc))
  (core func $load (canon lower (func $model "[static]model.load")
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $pass (canon lower (func $inference "[constructor]forward-pass")))
  (core func $input (canon lower (func $inference "[method]forward-pass.input-tokens")
    (memory (core memory $libc "memory"))))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "load" (func $load (param i32 i32 i32)))
    (import "" "pass" (func $pass (param i32) (result i32)))
    (import "" "input" (func $input (param i32 i32 i32 i32 i32)))
    (func (export "run") (param i32 i32) (result i32)
      (local $pass i32)
      (call $load (i32.const 56) (i32.const 7) (i32.const 128))
      (local.set $pass (call $pass (i32.load (i32.const 132))))
      (loop $again
        (call $input (local.get $pass) (i32.const 0) (i32.const 16384) (i32.const 0) (i32.const 16384))
        (br $again))
      unreachable))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $libc "memory"))
    (export "load" (func $load))
    (export "pass" (func $pass))
    (export "input" (func $input))))))
  (func $run (param "input" string) (result (result string (error string)))
    (canon lift (core func $i "run") (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $face (export "run" (func $run)))
  (export "pie:hoard/run" (instance $face)))

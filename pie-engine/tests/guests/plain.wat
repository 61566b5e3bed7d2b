;; A guest that imports nothing. Tests put the export's name for NAME and the body of the core function `run` for BODY; the body returns
;; the address of a `result<string, string>`. At 8 there is one that says `ok` with the text "true".
(component
  (core module $m
    (memory (export "memory") 1)
    (data (i32.const 8) "\00\00\00\00\20\00\00\00\04\00\00\00")
    (data (i32.const 32) "true")
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      global.get $next
      (global.set $next (i32.add (global.get $next) (local.get $size))))
    (func $run (export "run") (param $input i32) (param $length i32) (result i32)
      BODY)
    (func $deeper (param $depth i32) (result i32)
      (i32.add (call $deeper (i32.add (local.get $depth) (i32.const 1))) (i32.const 1)))
    (func $stumble unreachable)
    (func $walk (call $stumble)))
  (core instance $i (instantiate $m))
  (func $run (param "input" string) (result (result string (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $face (export "run" (func $run)))
  (export "NAME" (instance $face)))

;; Asks for a message again and again, and keeps every future that it gets.
(component
  (import "pie:core/types" (instance $types
    (export "future-string" (type (sub resource)))))
  (alias export $types "future-string" (type $future))
  (import "pie:core/session" (instance $session
    (alias outer 1 $future (type $outer))
    (export "future-string" (type $future (eq $outer)))
    (export "receive" (func (result (own $future))))))
  (core func $receive (canon lower (func $session "receive")))
  (core module $m
    (import "" "receive" (func $receive (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
    (func (export "run") (param i32 i32) (result i32)
      (loop $again (drop (call $receive)) (br $again))
      unreachable))
  (core instance $i (instantiate $m (with "" (instance (export "receive" (func $receive))))))
  (func $run (param "input" string) (result (result string (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $face (export "run" (func $run)))
  (export "pie:handles/run" (instance $face)))

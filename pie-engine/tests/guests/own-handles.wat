;; Makes handles of a resource of its own again and again; no function of the host is called.
(component
  (type $thing (resource (rep i32)))
  (core func $new (canon resource.new $thing))
  (core module $m
    (import "" "new" (func $new (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192))
    (func (export "run") (param i32 i32) (result i32)
      (loop $again (drop (call $new (i32.const 0))) (br $again))
      unreachable))
  (core instance $i (instantiate $m (with "" (instance (export "new" (func $new))))))
  (func $run (param "input" string) (result (result string (error string)))
    (canon lift (core func $i "run") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
  (instance $face (export "run" (func $run)))
  (export "pie:own-handles/run" (instance $face)))

;; Returns one random number. VERSION stands for a release of WASI.
(component
  (import "wasi:random/random@VERSION" (instance $random
    (export "get-random-u64" (func (result u64)))))
  (core func $get (canon lower (func $random "get-random-u64")))
  (core module $m
    (import "" "get" (func $get (result i64)))
    (func (export "run") (result i64) call $get))
  (core instance $i (instantiate $m (with "" (instance (export "get" (func $get))))))
  (func (export "run") (result u64) (canon lift (core func $i "run"))))

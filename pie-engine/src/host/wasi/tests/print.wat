;; Prints the same ten bytes so many times.
(component
  (import "wasi:io/error@0.2.0" (instance $error
    (export "error" (type (sub resource)))))
  (alias export $error "error" (type $error))
  (import "wasi:io/streams@0.2.0" (instance $streams
    (export "output-stream" (type $stream (sub resource)))
    (alias outer 1 $error (type $outer))
    (export "error" (type $error (eq $outer)))
    (type $failure (variant (case "last-operation-failed" (own $error)) (case "closed")))
    (export "stream-error" (type $stream-error (eq $failure)))
    (export "[method]output-stream.blocking-write-and-flush"
      (func (param "self" (borrow $stream)) (param "contents" (list u8)) (result (result (error $stream-error)))))))
  (alias export $streams "output-stream" (type $stream))
  (import "wasi:cli/stdout@0.2.0" (instance $stdout
    (alias outer 1 $stream (type $outer))
    (export "output-stream" (type $stream (eq $outer)))
    (export "get-stdout" (func (result (own $stream))))))
  (core module $memory
    (memory (export "memory") 1)
    (data (i32.const 100) "0123456789"))
  (core instance $memory (instantiate $memory))
  (core func $get (canon lower (func $stdout "get-stdout")))
  (core func $write (canon lower (func $streams "[method]output-stream.blocking-write-and-flush")
    (memory (core memory $memory "memory"))))
  (core module $m
    (import "" "get" (func $get (result i32)))
    (import "" "write" (func $write (param i32 i32 i32 i32)))
    (func (export "run") (param $times i64) (result i64)
      (local $stream i32)
      (local.set $stream (call $get))
      (loop $again
        (call $write (local.get $stream) (i32.const 100) (i32.const 10) (i32.const 0))
        (local.set $times (i64.sub (local.get $times) (i64.const 1)))
        (br_if $again (i64.ne (local.get $times) (i64.const 0))))
      i64.const 0))
  (core instance $i (instantiate $m (with "" (instance
    (export "get" (func $get))
    (export "write" (func $write))))))
  (func (export "run") (param "times" u64) (result u64) (canon lift (core func $i "run"))))

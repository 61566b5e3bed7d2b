;; A guest with an async `run`. Tests fill in the bodies of the core functions `run` and `callback`, which return what is to be done next: 0 ends,
;; 1 gives way, 2 + 16 * set waits for a set of waitables. The callback is given a call and how it ended: 2 returned, 4 was cancelled.
(component
  (import "pie:core/types" (instance $types
    (export "future-string" (type $future-string (sub resource)))))
  (alias export $types "future-string" (type $future-string))
  (import "pie:core/session" (instance $session
    (alias outer 1 $future-string (type $outer))
    (export "future-string" (type $future-string (eq $outer)))
    (export "send" (func (param "message" string)))
    (export "receive" (func (result (own $future-string))))))
  (import "pie:core/wait" (instance $wait
    (alias outer 1 $future-string (type $outer))
    (export "future-string" (type $future-string (eq $outer)))
    (export "for-string" (func async (param "pending" (borrow $future-string)) (result (option string))))
    (export "sleep" (func async (param "duration-ns" u64)))))
  (core module $libc
    (memory (export "memory") 1)
    (data (i32.const 32) "true")
    (global $next (mut i32) (i32.const 8192))
    (func (export "realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      global.get $next
      (global.set $next (i32.add (global.get $next) (local.get $size)))))
  (core instance $libc (instantiate $libc))
  (core func $send (canon lower (func $session "send") (memory (core memory $libc "memory"))))
  (core func $receive (canon lower (func $session "receive")))
  (core func $for-string (canon lower (func $wait "for-string") async
    (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (core func $sleep (canon lower (func $wait "sleep") async))
  (core func $block (canon lower (func $wait "sleep")))
  (core func $answer (canon task.return (result (result string (error string))) (memory (core memory $libc "memory"))))
  (core func $set (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $wait (canon waitable-set.wait (memory (core memory $libc "memory"))))
  (core func $cancel (canon subtask.cancel))
  (core func $drop (canon subtask.drop))
  (core module $m
    (import "" "memory" (memory 1))
    (import "" "send" (func $send (param i32 i32)))
    (import "" "receive" (func $receive (result i32)))
    (import "" "for-string" (func $for-string (param i32 i32) (result i32)))
    (import "" "sleep" (func $sleep (param i64) (result i32)))
    ;; Sleeps in the middle of the function.
    (import "" "block" (func $block (param i64)))
    (import "" "answer" (func $answer (param i32 i32 i32)))
    (import "" "set" (func $set (result i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "wait" (func $wait (param i32 i32) (result i32)))
    (import "" "cancel" (func $cancel (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (global $waitables (mut i32) (i32.const 0))
    (global $future (mut i32) (i32.const 0))
    (global $steps (mut i32) (i32.const 0))

    ;; The call of this status, which must be under way.
    (func $pending (param $status i32) (result i32)
      (if (i32.ne (i32.and (local.get $status) (i32.const 15)) (i32.const 1)) (then unreachable))
      (i32.shr_u (local.get $status) (i32.const 4)))
    ;; Waits for a call.
    (func $for (param $call i32) (result i32)
      (if (i32.eqz (global.get $waitables)) (then (global.set $waitables (call $set))))
      (call $join (local.get $call) (global.get $waitables))
      (i32.or (i32.const 2) (i32.shl (global.get $waitables) (i32.const 4))))
    ;; Answers `true`.
    (func $true
      (call $answer (i32.const 0) (i32.const 32) (i32.const 4)))
    (func $run (export "run") (param $input i32) (param $length i32) (result i32)
      RUN)
    (func $callback (export "callback") (param $event i32) (param $call i32) (param $end i32) (result i32)
      (global.set $steps (i32.add (global.get $steps) (i32.const 1)))
      CALLBACK))
  (core instance $i (instantiate $m (with "" (instance
    (export "memory" (memory $libc "memory"))
    (export "send" (func $send))
    (export "receive" (func $receive))
    (export "for-string" (func $for-string))
    (export "sleep" (func $sleep))
    (export "block" (func $block))
    (export "answer" (func $answer))
    (export "set" (func $set))
    (export "join" (func $join))
    (export "wait" (func $wait))
    (export "cancel" (func $cancel))
    (export "drop" (func $drop))))))
  (func $run async (param "input" string) (result (result string (error string)))
    (canon lift (core func $i "run") async (callback (core func $i "callback"))
      (memory (core memory $libc "memory")) (realloc (core func $libc "realloc"))))
  (instance $face (export "run" (func $run)))
  (export "pie:waits/run" (instance $face)))

;; Asks for a socket; returns the case of the result in the low byte, and the error code in the second.
(component
  (import "wasi:sockets/network@0.2.9" (instance $network
    (type $code (enum "unknown" "access-denied" "not-supported" "invalid-argument" "out-of-memory" "timeout"
      "concurrency-conflict" "not-in-progress" "would-block" "invalid-state" "new-socket-limit" "address-not-bindable"
      "address-in-use" "remote-unreachable" "connection-refused" "connection-reset" "connection-aborted"
      "datagram-too-large" "name-unresolvable" "temporary-resolver-failure" "permanent-resolver-failure"))
    (export "error-code" (type (eq $code)))
    (type $family (enum "ipv4" "ipv6"))
    (export "ip-address-family" (type (eq $family)))))
  (alias export $network "error-code" (type $code))
  (alias export $network "ip-address-family" (type $family))
  (import "wasi:sockets/tcp@0.2.9" (instance $tcp (export "tcp-socket" (type (sub resource)))))
  (alias export $tcp "tcp-socket" (type $socket))
  (import "wasi:sockets/tcp-create-socket@0.2.9" (instance $create
    (alias outer 1 $code (type $outer-code))
    (export "error-code" (type $error-code (eq $outer-code)))
    (alias outer 1 $family (type $outer-family))
    (export "ip-address-family" (type $address-family (eq $outer-family)))
    (alias outer 1 $socket (type $outer-socket))
    (export "tcp-socket" (type $tcp-socket (eq $outer-socket)))
    (export "create-tcp-socket" (func
      (param "address-family" $address-family) (result (result (own $tcp-socket) (error $error-code)))))))
  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $mem))
  (alias export $create "create-tcp-socket" (func $create-socket))
  (core func $create (canon lower (func $create-socket) (memory $mem)))
  (core module $m
    (import "" "create" (func $create (param i32 i32)))
    (import "" "memory" (memory 1))
    (func (export "run") (result i64)
      (call $create (i32.const 0) (i32.const 16))
      (i64.or
        (i64.load8_u (i32.const 16))
        (i64.shl (i64.load8_u (i32.const 20)) (i64.const 8)))))
  (core instance $i (instantiate $m
    (with "" (instance (export "create" (func $create)) (export "memory" (memory $mem))))))
  (alias core export $i "run" (core func $run))
  (func (export "run") (result u64) (canon lift (core func $run))))

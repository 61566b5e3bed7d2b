;; Imports what no inferlet may have.
(component
  (import "wasi:sockets/tcp-create-socket@0.2.0" (instance
    (export "create-tcp-socket" (func)))))

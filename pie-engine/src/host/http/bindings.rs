//! Rust traits for the world `pie:inferlet/network`. No function here waits: what waits is `wasi:io/poll`.

#![allow(missing_docs, reason = "generated from `wit/`, where the documentation is")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "pie:inferlet/network",
    imports: { default: trappable },
    with: {
        "wasi:io": wasmtime_wasi_io::bindings::wasi::io,
        "wasi:clocks": crate::host::wasi::bindings::wasi::clocks,
        "wasi:http/types.fields": crate::host::http::fields::Fields,
        "wasi:http/types.incoming-request": crate::host::http::incoming::IncomingRequest,
        "wasi:http/types.response-outparam": crate::host::http::incoming::ResponseOutparam,
        "wasi:http/types.outgoing-response": crate::host::http::incoming::OutgoingResponse,
        "wasi:http/types.outgoing-request": crate::host::http::outgoing::OutgoingRequest,
        "wasi:http/types.request-options": crate::host::http::outgoing::RequestOptions,
        "wasi:http/types.future-incoming-response": crate::host::http::response::FutureResponse,
        "wasi:http/types.incoming-response": crate::host::http::response::IncomingResponse,
        "wasi:http/types.incoming-body": crate::host::http::body::IncomingBody,
        "wasi:http/types.outgoing-body": crate::host::http::body::OutgoingBody,
        "wasi:http/types.future-trailers": crate::host::http::body::FutureTrailers,
    },
    // The asynchronous interfaces of `wasi:io` in the same linker need it.
    require_store_data_send: true,
});

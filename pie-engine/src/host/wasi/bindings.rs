//! Rust traits for the world `pie:inferlet/wasi`. Streams, pollables and errors are those of `wasmtime-wasi-io`. No function here waits: what
//! waits is `wasi:io/poll` and the blocking calls of streams.

#![allow(missing_docs, reason = "generated from `wit/`, where the documentation is")]

wasmtime::component::bindgen!({
    path: "../wit",
    world: "pie:inferlet/wasi",
    imports: { default: trappable },
    trappable_error_type: {
        "wasi:filesystem/types.error-code" => crate::host::wasi::filesystem::FsError,
    },
    with: {
        "wasi:io/error": wasmtime_wasi_io::bindings::wasi::io::error,
        "wasi:io/poll": wasmtime_wasi_io::bindings::wasi::io::poll,
        "wasi:io/streams": wasmtime_wasi_io::bindings::wasi::io::streams,
        "wasi:cli/terminal-input.terminal-input": crate::host::wasi::cli::NoTerminal,
        "wasi:cli/terminal-output.terminal-output": crate::host::wasi::cli::NoTerminal,
        "wasi:filesystem/types.descriptor": crate::host::wasi::filesystem::Descriptor,
        "wasi:filesystem/types.directory-entry-stream": crate::host::wasi::filesystem::DirectoryReader,
    },
    // The asynchronous interfaces of `wasi:io` in the same linker need it.
    require_store_data_send: true,
});

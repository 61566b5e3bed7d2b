//! What is there of `wasi:sockets`: the names of its resources, and nothing that could make one.
//!
//! The C library closes a file descriptor without knowing at compile time what it is, so whoever uses files, which is every program with a
//! standard library, imports the destructors of sockets. A component that imports any function of sockets is refused at link time.

use wasmtime::component::{Linker, ResourceType};

/// A resource of `wasi:sockets`; there is no value of this type.
enum NoSocket {}

/// The interfaces that the C library mentions, with their resources.
const RESOURCES: [(&str, &[&str]); 2] = [
    ("wasi:sockets/tcp@0.2.12", &["tcp-socket"]),
    ("wasi:sockets/udp@0.2.12", &["udp-socket", "incoming-datagram-stream", "outgoing-datagram-stream"]),
];

pub(super) fn add_to_linker<T: 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    for (interface, resources) in RESOURCES {
        let mut instance = linker.instance(interface)?;
        for resource in resources {
            instance.resource(resource, ResourceType::host::<NoSocket>(), |_, _| Ok(()))?;
        }
    }
    Ok(())
}
